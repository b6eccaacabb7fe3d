use std::time::Duration;

use super::fields::{all_text, field, list};
use super::{agent, conditions, service, task};
use crate::formats::Facts;
use crate::formats::times::{self, Form, Unreadable};
use crate::input::Place;
use crate::model::{Declared, Spelling, Word};
use crate::tree::Node;

/// What is joined when every file is read: services with the logical ids that they name.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    pub(super) services: Vec<service::Found>,
    pub(super) target_groups: Vec<service::FoundGroup>,
    pub(super) tasks: Vec<task::Found>,
    /// The resources that Application Auto Scaling changes the number of, as they are written.
    pub(super) scaled: Vec<Word>,
}

impl Resources {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.services.append(&mut other.services);
        self.target_groups.append(&mut other.target_groups);
        self.tasks.append(&mut other.tasks);
        self.scaled.append(&mut other.scaled);
    }
}

/// A resource of Terraform in the form of the API.
pub(crate) enum Resource<'n> {
    Task(&'n Node),
    Service(&'n Node),
    TargetGroup {
        node: &'n Node,
        idle_timeout: Option<Declared<Duration>>,
    },
    /// The resource that an autoscaler is about.
    Scaled(&'n Node),
}

/// Adds a resource of Terraform. `id` is what other resources call it, and `name` what findings do.
pub(crate) fn add_resource(resource: Resource<'_>, id: &str, name: &str, place: Place, facts: &mut Facts) {
    let Facts { ecs, unreadable, .. } = facts;
    match resource {
        Resource::Task(node) => {
            times::note(node, &TIMES, unreadable);
            let mut found = task::task(node, Some(name), place);
            found.id = Some(id.to_owned());
            found.workload.spelling = Spelling::Terraform;
            ecs.tasks.push(found);
        }
        Resource::Service(node) => {
            times::note(node, &TIMES, unreadable);
            let mut found = service::service(node, Some(name), place);
            found.is_module = true;
            found.workload.spelling = Spelling::Terraform;
            ecs.services.push(found);
        }
        Resource::Scaled(node) => ecs.scaled.push(Word { text: all_text(node), place }),
        Resource::TargetGroup { node, idle_timeout } => {
            service::note_unreadable(node, unreadable);
            let mut found = service::target_group(node, id, place);
            found.group.idle_timeout = idle_timeout.filter(|_| found.speaks_http);
            found.spelling = Spelling::Terraform;
            ecs.target_groups.push(found);
        }
    }
}

/// Returns whether a document is a task definition, a service of the API, or a CloudFormation template.
pub(crate) fn is_ecs(root: &Node) -> bool {
    is_template(root) || unwrapped(root).is_some() || !services(root).is_empty()
}

/// Adds what a document has.
pub(crate) fn add(root: &Node, facts: &mut Facts) {
    if is_template(root) {
        let mut root = root.clone();
        conditions::resolve(&mut root, &mut facts.uneditable);
        let (tasks, groups) = (facts.ecs.tasks.len(), facts.ecs.target_groups.len());
        let services = facts.ecs.services.len();
        let (mut idle_timeouts, mut agent_timeout) = (Vec::new(), None);
        for entry in root.get("Resources").map_or(&[][..], Node::entries) {
            let Some(properties) = entry.node.get("Properties") else { continue };
            note_unreadable(
                entry.node.text_of("Type").unwrap_or_default(),
                properties,
                &mut facts.unreadable,
            );
            let (id, place) = (Some(entry.key.as_str()), entry.key_place);
            match entry.node.text_of("Type") {
                Some("AWS::ECS::TaskDefinition") => facts.ecs.tasks.push(task::task(properties, id, place)),
                Some("AWS::ECS::Service") => facts.ecs.services.push(service::service(properties, id, place)),
                Some("AWS::ElasticLoadBalancingV2::TargetGroup") => {
                    facts.ecs.target_groups.push(service::target_group(properties, &entry.key, place));
                }
                Some("AWS::ElasticLoadBalancingV2::LoadBalancer") => {
                    idle_timeouts.push(service::idle_timeout(properties));
                }
                Some("AWS::ApplicationAutoScaling::ScalableTarget") => {
                    let text = properties.get("ResourceId").map(all_text).unwrap_or_default();
                    facts.ecs.scaled.push(Word { text, place });
                }
                _ => agent_timeout = agent_timeout.or_else(|| agent::timeout(properties)),
            }
        }
        // Of several load balancers the template does not say here which one a target group is behind.
        if let [Some(idle_timeout)] = idle_timeouts.as_slice() {
            for found in facts.ecs.target_groups.iter_mut().skip(groups).filter(|found| found.speaks_http) {
                found.group.idle_timeout = Some(idle_timeout.clone());
            }
        }
        for found in facts.ecs.tasks.iter_mut().skip(tasks).filter(|found| found.runs_on_machines) {
            found.workload.agent_timeout = agent_timeout;
        }
        let tasks = facts.ecs.tasks.iter_mut().skip(tasks).map(|found| &mut found.workload);
        let services = facts.ecs.services.iter_mut().skip(services).map(|found| &mut found.workload);
        tasks.chain(services).for_each(|workload| workload.spelling = Spelling::CloudFormation);
        for found in facts.ecs.target_groups.iter_mut().skip(groups) {
            found.spelling = Spelling::CloudFormation;
        }
        return;
    }
    if let Some(task) = unwrapped(root) {
        times::note(task, &TIMES, &mut facts.unreadable);
        let place = field(task, "family").map_or(task.place, |family| family.place);
        facts.ecs.tasks.push(task::task(task, None, place));
    }
    for service in services(root) {
        times::note(service, &TIMES, &mut facts.unreadable);
        let place = field(service, "serviceName").map_or(service.place, |name| name.place);
        facts.ecs.services.push(service::service(service, None, place));
    }
}

/// The times of task definitions and services.
const TIMES: [(&str, Form); 4] = [
    ("stopTimeout", Form::Number),
    ("StopTimeout", Form::Seconds),
    ("healthCheckGracePeriodSeconds", Form::Seconds),
    ("HealthCheckGracePeriodSeconds", Form::Seconds),
];

/// Notes the times of a resource of CloudFormation that are none.
fn note_unreadable(kind: &str, properties: &Node, unreadable: &mut Unreadable) {
    match kind.strip_prefix("AWS::") {
        Some("ECS::TaskDefinition" | "ECS::Service") => times::note(properties, &TIMES, unreadable),
        Some("ElasticLoadBalancingV2::TargetGroup" | "ElasticLoadBalancingV2::LoadBalancer") => {
            service::note_unreadable(properties, unreadable);
        }
        _ => agent::note_unreadable(properties, unreadable),
    }
}

fn is_template(root: &Node) -> bool {
    let resources = root.get("Resources").map_or(&[][..], Node::entries).iter();
    let mut kinds = resources.filter_map(|entry| entry.node.text_of("Type"));
    kinds.any(|kind| kind.starts_with("AWS::"))
}

/// Returns the task definition of a document: the input of `register-task-definition`, or the output of `describe-task-definition`.
fn unwrapped(root: &Node) -> Option<&Node> {
    let task =
        root.get("taskDefinition").filter(|task| task.get("containerDefinitions").is_some()).unwrap_or(root);
    (!list(task, "containerDefinitions").is_empty()).then_some(task)
}

/// Returns the services of a document: the output of `describe-services`, or the input of `create-service`.
fn services(root: &Node) -> Vec<&Node> {
    let is_service = |node: &&Node| {
        node.get("serviceName").is_some()
            && (node.get("deploymentConfiguration").is_some() || node.get("desiredCount").is_some())
    };
    let listed = root.list("services").iter().filter(is_service);
    listed.chain(Some(root).filter(is_service)).collect()
}
