use std::time::Duration;

use super::scalar::name_place;
use super::workload::amount;
use crate::formats::times::Form;
use crate::model::{Allowed, Amount, Declared, Disruption, NodeShutdown, Platform, Workload, seconds};
use crate::tree::{Node, Value};

/// The times of a kubelet: that of its shutdown, and the part for critical pods.
pub(super) const TIMES: [(&str, Form); 2] =
    [("shutdownGracePeriod", Form::Units), ("shutdownGracePeriodCriticalPods", Form::Units)];

/// A PodDisruptionBudget, and which pods it is about.
#[derive(Debug)]
pub(crate) struct DisruptionBudget {
    pub(super) namespace: Option<String>,
    /// Without a pair it is about every pod of the namespace.
    pub(super) selector: Vec<(String, String)>,
    pub(super) disruption: Disruption,
}

/// Reads a PodDisruptionBudget. A selector with expressions is not read.
pub(super) fn disruption_budget(object: &Node) -> Option<DisruptionBudget> {
    let spec = object.get("spec")?;
    let selector = spec.get("selector")?;
    let is_list = |node: &Node| matches!(&node.value, Value::List(items) if items.is_empty());
    if selector.get("matchExpressions").is_some_and(|expressions| !is_list(expressions)) {
        return None;
    }
    let labels = selector.get("matchLabels").unwrap_or(selector);
    let is_of_labels = matches!(labels.value, Value::Map(_)) && labels.tag.is_none();
    let is_empty = labels.entries().iter().all(|entry| entry.key == "matchExpressions");
    // An empty selector takes every pod of the namespace, and in v1beta1 none.
    if !is_of_labels || is_empty && object.text_of("apiVersion") != Some("policy/v1") {
        return None;
    }
    let pairs = labels.entries().iter().filter(|_| !is_empty);
    let selector = pairs.map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned())));
    let read = |key: &str| spec.get(key).map(|node| amount(Some(node), Amount::Count(1)));
    let allowed = match (read("minAvailable"), read("maxUnavailable")) {
        (Some(available), None) => Allowed::Available(available),
        (None, Some(unavailable)) => Allowed::Unavailable(unavailable),
        _ => return None,
    };
    let text = |key: &str| object.at(&["metadata", key]).and_then(Node::text).map(str::to_owned);
    Some(DisruptionBudget {
        namespace: text("namespace"),
        selector: selector.collect::<Option<_>>()?,
        disruption: Disruption { name: text("name")?, place: name_place(object), allowed },
    })
}

/// Reads the configuration of a kubelet: an object without containers, which rules compare with the workloads.
pub(super) fn kubelet(object: &Node) -> Workload {
    let place = object.entry("kind").map_or(object.place, |entry| entry.node.place);
    let grace = Declared::Default(seconds(30));
    let mut workload =
        Workload::new(Platform::Kubernetes, "KubeletConfiguration", "of the nodes", place, grace);
    let time = |(key, form): (&str, Form)| form.declared(object.get(key), Duration::ZERO);
    let [total, critical] = TIMES;
    workload.node_shutdown = Some(NodeShutdown { total: time(total), critical: time(critical) });
    workload
}
