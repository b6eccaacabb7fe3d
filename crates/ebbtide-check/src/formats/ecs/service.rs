use std::time::Duration;

use super::fields::{field, has_unread, is_computed, list, read_items, reference};
use crate::formats::scalar::{count, duration};
use crate::formats::times::{self, Form, Unreadable};
use crate::input::Place;
use crate::model::{Declared, Platform, Service, Spelling, TargetGroup, Workload, seconds};
use crate::tree::Node;

/// The lists of attributes, and those that are times.
const GROUP: &str = "targetGroupAttributes";
const DEREGISTRATION: &str = "deregistration_delay.timeout_seconds";
const BALANCER: &str = "loadBalancerAttributes";
const IDLE: &str = "idle_timeout.timeout_seconds";

/// A service, and the logical ids of what belongs to it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(super) workload: Workload,
    pub(super) service: Service,
    pub(super) task: Option<String>,
    pub(super) target_groups: Vec<String>,
    /// Whether it is of a module of Terraform, which has several files.
    pub(super) is_module: bool,
}

/// A target group and its logical id.
#[derive(Debug)]
pub(crate) struct FoundGroup {
    pub(super) id: String,
    pub(super) group: TargetGroup,
    pub(super) speaks_http: bool,
    pub(super) spelling: Spelling,
}

pub(super) fn service(node: &Node, id: Option<&str>, place: Place) -> Found {
    let name = id.or_else(|| field(node, "serviceName").and_then(Node::text)).unwrap_or("(unnamed)");
    let deployment = field(node, "deploymentConfiguration");
    let percent =
        |key: &str, default| count(deployment.and_then(|deployment| field(deployment, key)), default);
    let balancers: Vec<&Node> = read_items(node, "loadBalancers").collect();
    let is_spot = |item: &&Node| {
        let has_weight =
            field(item, "weight").is_none_or(|node| node.integer().is_some_and(|weight| weight != 0));
        field(item, "capacityProvider").and_then(Node::text) == Some("FARGATE_SPOT") && has_weight
    };
    let spot = list(node, "capacityProviderStrategy").iter().find(is_spot);
    // DAEMON has other defaults and no desired count.
    let may_be_daemon = field(node, "schedulingStrategy").is_some_and(|node| node.text() != Some("REPLICA"));
    let desired = match field(node, "desiredCount") {
        None if may_be_daemon => Declared::Unresolved(place),
        count_node => count(count_node, 1),
    };
    let service = Service {
        desired,
        minimum_percent: percent("minimumHealthyPercent", 100),
        maximum_percent: percent("maximumPercent", 200),
        is_rolling: is_rolling(node, deployment),
        spot: spot.map(|item| item.place),
        load_balancer: balancers.first().map(|balancer| balancer.place),
        health_grace: duration(field(node, "healthCheckGracePeriodSeconds"), seconds(0)),
        target_groups: Vec::new(),
        stop_timeout: None,
        containers: Vec::new(),
    };
    let groups = balancers.iter().filter_map(|balancer| reference(field(balancer, "targetGroupArn")?));
    Found {
        workload: Workload::new(Platform::Ecs, "service", name, place, Declared::Default(seconds(30))),
        service,
        task: field(node, "taskDefinition").and_then(reference).map(str::to_owned),
        target_groups: groups.map(str::to_owned).collect(),
        is_module: false,
    }
}

/// Returns whether tasks are replaced within the percentages of the deployment. A controller or a strategy that is not known may do otherwise.
fn is_rolling(node: &Node, deployment: Option<&Node>) -> bool {
    let is = |node: Option<&Node>, expected: &str| node.is_none_or(|node| node.text() == Some(expected));
    let controller = field(node, "deploymentController");
    let is_own =
        controller.is_none_or(|controller| !is_computed(controller) && is(field(controller, "type"), "ECS"));
    let is_known = deployment.is_none_or(|deployment| !is_computed(deployment));
    is_own && is_known && is(deployment.and_then(|deployment| field(deployment, "strategy")), "ROLLING")
}

pub(super) fn target_group(node: &Node, id: &str, place: Place) -> FoundGroup {
    let is_http = |node: &Node| node.text().is_some_and(|name| name.starts_with("HTTP"));
    let speaks_http = field(node, "protocol").is_none_or(is_http);
    let group = TargetGroup {
        deregistration: attribute_time(node, GROUP, DEREGISTRATION, seconds(300)),
        interval: count(field(node, "healthCheckIntervalSeconds"), 30),
        idle_timeout: None,
        place,
    };
    FoundGroup { id: id.to_owned(), group, speaks_http, spelling: Spelling::Own }
}

/// Returns the idle timeout of a load balancer that speaks HTTP: 60 s by default.
pub(super) fn idle_timeout(node: &Node) -> Option<Declared<Duration>> {
    let is_http = field(node, "type").is_none_or(|kind| kind.text() == Some("application"));
    is_http.then(|| attribute_time(node, BALANCER, IDLE, seconds(60)))
}

/// Notes the attributes of a target group or of a load balancer that are times and cannot be read.
pub(super) fn note_unreadable(node: &Node, unreadable: &mut Unreadable) {
    for (attributes, key) in [(GROUP, DEREGISTRATION), (BALANCER, IDLE)] {
        if let Some(value) = attribute(node, attributes, key) {
            times::note_value(key, value, Form::Seconds, unreadable);
        }
    }
}

/// Reads an attribute that is a time. One that is not there has no default if a part of the list is only known at the deploy.
fn attribute_time(node: &Node, attributes: &str, key: &str, default: Duration) -> Declared<Duration> {
    match attribute(node, attributes, key) {
        None if has_unread(node, attributes) => Declared::Unresolved(node.place),
        value => duration(value, default),
    }
}

fn attribute<'n>(node: &'n Node, attributes: &str, key: &str) -> Option<&'n Node> {
    list(node, attributes).iter().find(|item| item.text_of("Key") == Some(key))?.get("Value")
}
