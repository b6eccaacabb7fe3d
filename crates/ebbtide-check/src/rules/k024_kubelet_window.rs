use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge;
use crate::model::{Declared, Platform, Project, number, show};

pub(super) static RULE: Rule = Rule {
    id: "K024",
    name: "kubelet-window",
    severity: Severity::Warning,
    summary: "A node that shuts down gives its pods less time than their grace period",
    details: "
When a machine shuts down, the kubelet gives ordinary pods what is left of `shutdownGracePeriod` after `shutdownGracePeriodCriticalPods`, whatever
their own grace period is:

    shutdownGracePeriod - shutdownGracePeriodCriticalPods < terminationGracePeriodSeconds

Both are 0 by default, and the kubelet then does not take part in the shutdown: the machine ends the pods with its own services. The rule reads a
`KubeletConfiguration` of the input and compares it with the longest grace period of the pods beside it. It is a warning if both values
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
    let pods = || project.on(Platform::Kubernetes).filter(|workload| !workload.containers.is_empty());
    let Some(longest) = pods().max_by_key(|workload| workload.grace.value()) else { return };
    let Some(&grace) = longest.grace.value() else { return };
    for node in project.on(Platform::Kubernetes) {
        let Some(shutdown) = &node.node_shutdown else { continue };
        let (Some(&total), Some(&critical)) = (shutdown.total.value(), shutdown.critical.value()) else {
            continue;
        };
        let window = total.saturating_sub(critical);
        if window >= grace {
            continue;
        }
        let is_declared =
            matches!((&shutdown.total, &longest.grace), (Declared::Written(..), Declared::Written(..)));
        let severity = if is_declared && !total.is_zero() { Severity::Warning } else { Severity::Info };
        let (place, label) = workload_grace(longest);
        let limit = if total.is_zero() {
            "shutdownGracePeriod: off".to_owned()
        } else {
            format!(
                "{} (shutdownGracePeriod) - {} (shutdownGracePeriodCriticalPods)",
                number(total),
                number(critical)
            )
        };
        let sum = Sum::new(vec![(grace, knowledge::grace_label(longest, &longest.grace))], window, limit);
        findings.push(
            Finding::new(
                &RULE,
                severity,
                node,
                format!("leaves pods {} when a node shuts down", show(window)),
                shutdown.total.place().unwrap_or(node.place),
                "for all pods but critical ones",
            )
            .also(Some(place), format!("{}: {label}", longest.title()))
            .sum(&sum)
            .effect("when a machine is stopped or replaced, pods are killed before they have drained")
            .remedy(format!(
                "set shutdownGracePeriod to {} more than shutdownGracePeriodCriticalPods, or shorten the grace period",
                show(grace)
            )),
        );
    }
}
