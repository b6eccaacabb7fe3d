use std::time::Duration;

use super::scalar::name_place;
use super::selector::Selector;
use super::workload::amount;
use crate::formats::times::Form;
use crate::model::{Allowed, Amount, Declared, Disruption, NodeShutdown, Platform, Workload, seconds};
use crate::tree::Node;

/// The times of a kubelet: that of its shutdown, the part for critical pods, and that of a priority.
pub(super) const TIMES: [(&str, Form); 3] = [
    ("shutdownGracePeriod", Form::Units),
    ("shutdownGracePeriodCriticalPods", Form::Units),
    ("shutdownGracePeriodSeconds", Form::Number),
];

/// A PodDisruptionBudget, and which pods it is about.
#[derive(Debug)]
pub(crate) struct DisruptionBudget {
    pub(super) namespace: Option<String>,
    /// An empty one is about every pod of the namespace.
    pub(super) selector: Selector,
    pub(super) disruption: Disruption,
}

/// Reads a PodDisruptionBudget.
pub(super) fn disruption_budget(object: &Node) -> Option<DisruptionBudget> {
    let spec = object.get("spec")?;
    let selector = Selector::read(spec.get("selector")?)?;
    // An empty selector takes every pod of the namespace, and in v1beta1 none.
    if selector.is_empty() && object.text_of("apiVersion") != Some("policy/v1") {
        return None;
    }
    let read = |key: &str| spec.get(key).map(|node| amount(Some(node), Amount::Count(1)));
    let allowed = match (read("minAvailable"), read("maxUnavailable")) {
        (Some(available), None) => Allowed::Available(available),
        (None, Some(unavailable)) => Allowed::Unavailable(unavailable),
        _ => return None,
    };
    let text = |key: &str| object.at(&["metadata", key]).and_then(Node::text).map(str::to_owned);
    Some(DisruptionBudget {
        namespace: text("namespace"),
        selector,
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
    let [total, critical, _] = TIMES;
    let by_priority = object.get("shutdownGracePeriodByPodPriority");
    let of_usual_pods =
        by_priority.filter(|list| list.text().is_some() || !list.items().is_empty()).map(of_usual_pods);
    workload.node_shutdown =
        Some(NodeShutdown { total: time(total), critical: time(critical), of_usual_pods });
    workload
}

/// Returns the time that a list of priorities gives the pods of priority 0: that of the greatest priority up to theirs, else of the lowest.
fn of_usual_pods(list: &Node) -> Declared<Duration> {
    let read = |item: &Node| {
        let priority = item.get("priority").map_or(Some(0), Node::integer)?;
        let time = item.get("shutdownGracePeriodSeconds")?;
        Some((priority, Form::Number.written(time)))
    };
    let all: Option<Vec<_>> = list.items().iter().map(read).collect();
    let nearest = all
        .into_iter()
        .flatten()
        .max_by_key(|(priority, _)| (*priority <= 0, std::cmp::Reverse(priority.unsigned_abs())));
    nearest.map_or(Declared::Unresolved(list.place), |(_, time)| time)
}
