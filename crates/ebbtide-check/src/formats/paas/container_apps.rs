use super::knative::container;
use crate::formats::Facts;
use crate::formats::scalar::duration;
use crate::formats::times::{self, Form};
use crate::input::Place;
use crate::model::{Platform, Workload, seconds};
use crate::tree::Node;

/// The type of the resource.
const KIND: &str = "Microsoft.App/containerApps";

/// Returns whether a document is an application of Azure Container Apps, or a template of the resource manager that has one.
pub(crate) fn is_container_apps(root: &Node) -> bool {
    apps(root).next().is_some()
}

/// Adds the applications of a document.
pub(crate) fn add(root: &Node, facts: &mut Facts) {
    for app in apps(root) {
        let Some(template) = app.at(&["properties", "template"]) else { continue };
        times::note(template, &[("terminationGracePeriodSeconds", Form::Seconds)], &mut facts.unreadable);
        let name = app.get("name");
        let place = name.map_or(app.place, |name| name.place);
        // A name with parameters is an expression in brackets.
        let text = name.and_then(Node::text).filter(|text| !text.starts_with('['));
        let mut workload =
            container_app(text.unwrap_or("(unnamed)"), place, template.get("terminationGracePeriodSeconds"));
        workload.block = Some(app.place);
        workload.containers = template.list("containers").iter().map(container).collect();
        facts.workloads.push(workload);
    }
}

/// Creates an application, which has 30 s to stop by default.
pub(crate) fn container_app(name: &str, place: Place, grace: Option<&Node>) -> Workload {
    Workload::new(Platform::ContainerApps, "container app", name, place, duration(grace, seconds(30)))
}

fn apps(root: &Node) -> impl Iterator<Item = &Node> {
    let is_app = |node: &&Node| node.text_of("type") == Some(KIND);
    std::iter::once(root).chain(root.list("resources")).filter(is_app)
}
