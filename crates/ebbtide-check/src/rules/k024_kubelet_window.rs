use std::time::Duration;

use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::input::Place;
use crate::knowledge;
use crate::model::{Declared, NodeShutdown, Platform, Project, number, show};

pub(super) static RULE: Rule = Rule {
    id: "K024",
    name: "kubelet-window",
    severity: Severity::Warning,
    summary: "A node that shuts down gives its pods less time than their grace period",
    details: "
When a machine shuts down, the kubelet gives ordinary pods what is left of `shutdownGracePeriod` after `shutdownGracePeriodCriticalPods`, whatever
their own grace period is:

    shutdownGracePeriod - shutdownGracePeriodCriticalPods < terminationGracePeriodSeconds

With `shutdownGracePeriodByPodPriority`, which the kubelet takes instead of the two, the time is that of priority 0, and the pods are those without `priorityClassName`.

Both are 0 by default, and the kubelet then does not take part in the shutdown: the machine ends the pods with its own services. The rule reads a
`KubeletConfiguration` of the input and compares it with the longest grace period of the pods beside it, except for those of a system class, which are critical. It is a warning if both values
are written, and an info otherwise.
",
    sources: &[
        "kubernetes/website, `content/en/docs/concepts/cluster-administration/node-shutdown.md`: the two periods, 0 by default",
    ],
    bad: &[Example { name: "node.yaml", text: include_str!("../../fixtures/K024/bad.yaml") }],
    good: &[Example { name: "node.yaml", text: include_str!("../../fixtures/K024/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for node in project.on(Platform::Kubernetes) {
        let Some(window) = node.node_shutdown.as_ref().and_then(Window::of) else { continue };
        let pods = project.on(Platform::Kubernetes).filter(|workload| {
            !workload.containers.is_empty() && window.is_about(workload.priority_class.as_deref())
        });
        let Some(longest) = pods.max_by_key(|workload| workload.grace.value()) else { continue };
        let Some(&grace) = longest.grace.value().filter(|grace| window.time < **grace) else { continue };
        let is_declared = window.is_set && matches!(longest.grace, Declared::Written(..));
        let severity = if is_declared { Severity::Warning } else { Severity::Info };
        let (place, label) = workload_grace(longest);
        let terms = vec![(grace, knowledge::grace_label(longest, &longest.grace))];
        findings.push(
            Finding::new(
                &RULE,
                severity,
                node,
                format!("leaves pods {} when a node shuts down", show(window.time)),
                window.place.unwrap_or(node.place),
                window.label,
            )
            .also(Some(place), format!("{}: {label}", longest.title()))
            .sum(&Sum::new(terms, window.time, window.limit))
            .effect("when a machine is stopped or replaced, pods are killed before they have drained")
            .remedy(format!(
                "set {}, or shorten the grace period",
                window.setting.replace("{}", &show(grace))
            )),
        );
    }
}

/// The time that a node which shuts down leaves usual pods.
struct Window {
    time: Duration,
    /// Whether it is one, rather than that the kubelet takes no part.
    is_set: bool,
    is_by_priority: bool,
    place: Option<Place>,
    label: &'static str,
    limit: String,
    /// What gives the pods more, with `{}` for their grace period.
    setting: &'static str,
}

impl Window {
    /// Returns the window, if the values are known.
    fn of(shutdown: &NodeShutdown) -> Option<Self> {
        if let Some(usual) = &shutdown.of_usual_pods {
            return Some(Self {
                time: *usual.value()?,
                is_set: true,
                is_by_priority: true,
                place: usual.place(),
                label: "for pods of priority 0",
                limit: "shutdownGracePeriodByPodPriority, for priority 0".to_owned(),
                setting: "shutdownGracePeriodSeconds of the priority to {}",
            });
        }
        let (total, critical) = (*shutdown.total.value()?, *shutdown.critical.value()?);
        let is_set = !total.is_zero();
        let (total_shown, critical_shown) = (number(total), number(critical));
        let limit = match is_set {
            true => format!(
                "{total_shown} (shutdownGracePeriod) - {critical_shown} (shutdownGracePeriodCriticalPods)"
            ),
            false => "shutdownGracePeriod: off".to_owned(),
        };
        Some(Self {
            time: total.saturating_sub(critical),
            is_set,
            is_by_priority: false,
            place: shutdown.total.place(),
            label: "for all pods but critical ones",
            limit,
            setting: "shutdownGracePeriod to {} more than shutdownGracePeriodCriticalPods",
        })
    }

    /// Returns whether it is that of pods with a class of priority. The priority of a class is in no file that is read, but for the two of the
    /// system.
    fn is_about(&self, class: Option<&str>) -> bool {
        match class {
            Some(class) => !self.is_by_priority && !class.starts_with("system-"),
            None => true,
        }
    }
}
