use std::time::Duration;

use super::shape::{Resource, block, blocks, list, put, quoted, renamed, spelled, unknown};
use crate::formats::scalar::duration;
use crate::formats::{Facts, ecs};
use crate::input::Problem;
use crate::model::{Declared, seconds};
use crate::tree::{Node, parse_json_inside};

/// Adds a task definition, in the form of the API.
pub(super) fn task(path: &str, resource: &Resource<'_>, facts: &mut Facts) {
    let Some(definitions) = resource.body.get("container_definitions") else { return };
    let Some(containers) = containers(definitions) else {
        facts.problems.push(Problem {
            path: path.to_owned(),
            place: Some(definitions.place),
            message: format!("containers of {} {}", resource.id(), unread(definitions)),
            is_failure: false,
        });
        return;
    };
    for item in containers.items().iter().filter(|item| item.tag.is_some()) {
        let message = format!("a container of {} is not in the file: {}", resource.id(), quoted(item));
        facts.problems.push(Problem { place: Some(item.place), ..Problem::note(path, message) });
    }
    let mut task = renamed(
        resource.body,
        &[("family", "family"), ("requires_compatibilities", "requiresCompatibilities")],
    );
    put(&mut task, "containerDefinitions", containers);
    add(ecs::Resource::Task(&task), resource, facts);
}

/// Returns why containers are not read: what is in their JSON, or what they are instead.
fn unread(definitions: &Node) -> String {
    let written = definitions.written().unwrap_or_default();
    if !written.trim_start().starts_with('[') {
        return format!("are not in the file: {}", quoted(definitions));
    }
    let short = |text: &str| text.lines().next().unwrap_or_default().chars().take(60).collect::<String>();
    let expression = written.split_once("${").and_then(|(_, after)| after.split_once('}'));
    match expression {
        Some((inside, _)) => {
            format!(
                "are not read: `{}` in their JSON is not known before the deploy",
                short(&format!("${{{inside}}}"))
            )
        }
        None => "are not read: their text is no list in JSON".to_owned(),
    }
}

/// Returns the containers: the list that `jsonencode` writes, or JSON in a string.
fn containers(definitions: &Node) -> Option<Node> {
    if !definitions.items().is_empty() {
        return Some(definitions.clone());
    }
    // Numbers from variables, `"cpu": ${var.cpu}`, are no JSON, and the string is then not read.
    let mut parsed = parse_json_inside(definitions.place, definitions.written()?);
    let root = parsed.documents.pop().map(|document| document.root)?;
    (!root.items().is_empty()).then_some(root)
}

/// Adds a service, in the form of the API.
pub(super) fn service(resource: &Resource<'_>, facts: &mut Facts) {
    let body = resource.body;
    let mut service = renamed(
        body,
        &[
            ("scheduling_strategy", "schedulingStrategy"),
            ("health_check_grace_period_seconds", "healthCheckGracePeriodSeconds"),
            ("task_definition", "taskDefinition"),
        ],
    );
    put(&mut service, "desiredCount", desired_count(body));
    let mut deployment = renamed(
        body,
        &[
            ("deployment_minimum_healthy_percent", "minimumHealthyPercent"),
            ("deployment_maximum_percent", "maximumPercent"),
        ],
    );
    if let Some(strategy) = generated(body, "deployment_configuration", "strategy") {
        put(&mut deployment, "strategy", strategy);
    }
    put(&mut service, "deploymentConfiguration", deployment);
    if let Some(kind) = generated(body, "deployment_controller", "type") {
        let mut controller = renamed(body, &[]);
        put(&mut controller, "type", kind);
        put(&mut service, "deploymentController", controller);
    }
    let balancer = |node: &&Node| renamed(node, &[("target_group_arn", "targetGroupArn")]);
    let balancers = blocks(body, "load_balancer").iter().map(balancer).collect();
    put(&mut service, "loadBalancers", list(body.place, balancers));
    let strategy =
        |node: &&Node| renamed(node, &[("capacity_provider", "capacityProvider"), ("weight", "weight")]);
    let strategies = blocks(body, "capacity_provider_strategy").iter().map(strategy).collect();
    put(&mut service, "capacityProviderStrategy", list(body.place, strategies));
    add(ecs::Resource::Service(&service), resource, facts);
}

/// Returns a value of a block, which is not known if a `dynamic` block may add it.
fn generated(body: &Node, kind: &str, key: &str) -> Option<Node> {
    match block(body, kind) {
        Some(block) => block.get(key).cloned(),
        None => {
            blocks(body, "dynamic").iter().find_map(|block| block.get(kind)).map(|node| unknown(node.place))
        }
    }
}

/// Returns the number of tasks. The provider's default is none, which stands for a number that something else sets.
fn desired_count(body: &Node) -> Node {
    let ignored = block(body, "lifecycle").map_or(&[][..], |lifecycle| lifecycle.list("ignore_changes"));
    let is_ignored = ignored.iter().any(|item| item.written() == Some("desired_count"));
    body.get("desired_count").filter(|_| !is_ignored).cloned().unwrap_or_else(|| unknown(body.place))
}

/// Adds a target group, in the form of the API.
pub(super) fn target_group(
    resource: &Resource<'_>,
    idle_timeout: Option<Declared<Duration>>,
    facts: &mut Facts,
) {
    let body = resource.body;
    let mut group = renamed(body, &[("protocol", "protocol")]);
    if let Some(delay) = body.get("deregistration_delay") {
        let mut attribute = renamed(body, &[("deregistration_delay", "Value")]);
        put(&mut attribute, "Key", Node::text_at("deregistration_delay.timeout_seconds", delay.place));
        put(&mut group, "targetGroupAttributes", list(delay.place, vec![attribute]));
    }
    let check = block(body, "health_check");
    if let Some(interval) = check.and_then(|check| check.get("interval")) {
        put(&mut group, "healthCheckIntervalSeconds", interval.clone());
    }
    add(ecs::Resource::TargetGroup { node: &group, idle_timeout }, resource, facts);
}

/// Adds what an autoscaler changes the number of.
pub(super) fn scaled(resource: &Resource<'_>, facts: &mut Facts) {
    if let Some(id) = resource.body.get("resource_id") {
        add(ecs::Resource::Scaled(id), resource, facts);
    }
}

/// Returns the idle timeout of the load balancer that speaks HTTP, if the file has one.
pub(super) fn idle_timeout(all: &[Resource<'_>]) -> Option<Declared<Duration>> {
    let mut balancers = all.iter().filter(|resource| matches!(resource.kind, "aws_lb" | "aws_alb"));
    let (balancer, None) = (balancers.next()?, balancers.next()) else { return None };
    let is_http =
        balancer.body.get("load_balancer_type").is_none_or(|kind| kind.text() == Some("application"));
    is_http.then(|| duration(balancer.body.get("idle_timeout"), seconds(60)))
}

fn add(converted: ecs::Resource<'_>, resource: &Resource<'_>, facts: &mut Facts) {
    spelled(facts, |facts| {
        ecs::add_resource(converted, &resource.id(), resource.name, resource.place, facts);
    });
}
