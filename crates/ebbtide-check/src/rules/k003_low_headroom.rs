use std::time::Duration;

use super::words::{grace_note, named};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, Role, seconds, show};

/// Less than this is little for a drain of unknown length.
const LITTLE: Duration = seconds(10);

pub(super) static RULE: Rule = Rule {
    id: "K003",
    name: "low-headroom",
    severity: Severity::Warning,
    summary: "The preStop hook leaves less than 10 s of the grace period",
    details: "
The time between SIGTERM and SIGKILL is the grace period less the preStop hook. With less than 10 s, requests that take longer are
reset. The rule is about workloads whose drain time is not declared; with a declared one, K001 does the sum, and K020 that of native sidecars.

    0 < terminationGracePeriodSeconds - preStop < 10
",
    sources: &["kubernetes/api, `core/v1/types.go`: the countdown starts before the hook"],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K003/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K003/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for container in workload.running() {
            let Some(&limit) = workload.grace_of(container).value() else { continue };
            let hook = container.pre_stop.as_ref().and_then(|hook| hook.least);
            let Some((time, place)) = hook.filter(|(time, _)| !time.is_zero()) else { continue };
            let left = limit.saturating_sub(time);
            let is_declared = |container| workload.drain_of(container).is_some_and(|drain| drain.is_declared);
            // What is left for a sidecar is the sum of K020.
            let is_declared =
                is_declared(container) || container.role == Role::Sidecar && workload.main().any(is_declared);
            if is_declared || container.is_shielded || left.is_zero() || left >= LITTLE {
                continue;
            }
            let signal = workload.signal_of(container);
            let title = format!("has {} between {signal} and SIGKILL", show(left));
            let (grace_place, label) = grace_note(workload, container);
            let mut finding =
                Finding::new(&RULE, Severity::Warning, workload, named(workload, container, &title), place, format!("before {signal}"))
                    .also(Some(grace_place), label)
                    .effect(format!("requests that take longer than {} after {signal} are reset by SIGKILL", show(left)))
                    .remedy(
                        "raise terminationGracePeriodSeconds, or declare the drain time with the annotation ebbtide.dev/drain",
                    );
            let grace = show(limit);
            finding.arithmetic = Some(format!(
                "{} (grace period) - {} (preStop sleep) = {} < 10",
                grace.trim_end_matches(" s"),
                show(time).trim_end_matches(" s"),
                show(left).trim_end_matches(" s"),
            ));
            findings.push(finding);
        }
    }
}
