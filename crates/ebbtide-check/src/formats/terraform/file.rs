use super::shape::Resource;
use super::{app, aws, kubernetes};
use crate::formats::Facts;
use crate::formats::times::{self, Form};
use crate::tree::Node;

/// The nesting of modules in a plan that is followed.
const MAX_MODULES: usize = 8;

/// Returns whether a document has resources of Terraform, or is a plan of it.
pub(crate) fn is_terraform(root: &Node) -> bool {
    !resources(root).is_empty()
}

/// Adds the workloads of a file, and notes what is computed elsewhere.
pub(super) fn add(path: &str, root: &Node, facts: &mut Facts) {
    let all = resources(root);
    let idle_timeout = aws::idle_timeout(&all);
    for resource in &all {
        match resource.kind {
            "aws_ecs_task_definition" => aws::task(path, resource, facts),
            "aws_ecs_service" => aws::service(resource, facts),
            "aws_appautoscaling_target" => aws::scaled(resource, facts),
            "aws_lb_target_group" | "aws_alb_target_group" => {
                aws::target_group(resource, idle_timeout.clone(), facts);
            }
            "aws_lb" | "aws_alb" => {
                times::note(resource.body, &[("idle_timeout", Form::Seconds)], &mut facts.unreadable);
            }
            "google_cloud_run_v2_service" | "google_cloud_run_service" => app::cloud_run(resource, facts),
            "azurerm_container_app" => app::container_app(resource, facts),
            kind if kind.starts_with("kubernetes_") => kubernetes::object(path, resource, facts),
            _ => {}
        }
    }
}

/// Returns the resources of HCL, which has a mapping for each of their labels, or of a plan.
fn resources(root: &Node) -> Vec<Resource<'_>> {
    let mut all = Vec::new();
    for kind in
        root.entries().iter().filter(|entry| entry.key == "resource").flat_map(|entry| parts(&entry.node))
    {
        let is_known =
            ["aws_", "google_", "kubernetes_", "azurerm_"].iter().any(|begin| kind.key.starts_with(begin));
        for name in parts(&kind.node).into_iter().filter(|_| is_known) {
            let body = name.node.items().first().unwrap_or(&name.node);
            all.push(Resource { kind: &kind.key, name: &name.key, place: name.key_place, body });
        }
    }
    if let Some(module) = root.at(&["planned_values", "root_module"]) {
        planned(module, &mut all, 0);
    }
    all
}

/// Returns the entries of a mapping, or of the mappings in a list, which the JSON syntax may have.
fn parts(node: &Node) -> Vec<&crate::tree::Entry> {
    std::slice::from_ref(node).iter().chain(node.items()).flat_map(Node::entries).collect()
}

fn planned<'n>(module: &'n Node, all: &mut Vec<Resource<'n>>, depth: usize) {
    for resource in module.list("resources") {
        let (Some(kind), Some(name), Some(body)) =
            (resource.text_of("type"), resource.get("name"), resource.get("values"))
        else {
            continue;
        };
        let text = name.text().unwrap_or_default();
        all.push(Resource { kind, name: text, place: name.place, body });
    }
    for child in module.list("child_modules").iter().filter(|_| depth < MAX_MODULES) {
        planned(child, all, depth.saturating_add(1));
    }
}
