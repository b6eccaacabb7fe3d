use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::input::Place;
use crate::model::{Platform, Probe, Project, Workload};

pub(super) static RULE: Rule = Rule {
    id: "K017",
    name: "progress-deadline",
    severity: Severity::Error,
    summary: "The progress deadline ends before a new pod can be ready",
    details: "
A rollout that makes no progress for `progressDeadlineSeconds` (600 by default) counts as failed, which stops pipelines that wait for it.
A deadline that is not longer than `minReadySeconds` is rejected by the API server: an error. A deadline that is not longer than what the
startup probe allows a pod, plus `minReadySeconds`, is a warning:

    progressDeadlineSeconds <= initialDelaySeconds + failureThreshold * periodSeconds + minReadySeconds
",
    sources: &[
        "kubernetes/website, `deployment.md`: progressDeadlineSeconds needs to be greater than minReadySeconds",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K017/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K017/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes).filter(|workload| workload.kind == "Deployment") {
        let Some(deadline) = workload.progress_deadline.value() else { continue };
        let Some(&min_ready) = workload.min_ready.value() else { continue };
        let min_ready_term = (min_ready, "minReadySeconds".to_owned());
        let (severity, terms, effect) = if *deadline <= min_ready {
            (
                Severity::Error,
                vec![min_ready_term],
                "the API server rejects the object, and the rollout does not happen",
            )
        } else {
            let slowest = slowest_start(workload).map(|(time, _)| time);
            let Some(startup) = slowest.filter(|startup| startup.saturating_add(min_ready) >= *deadline)
            else {
                continue;
            };
            let terms = vec![(startup, "startup probe".to_owned()), min_ready_term];
            (
                Severity::Warning,
                terms,
                "a slow start counts as a failed rollout, and a pipeline that waits for it rolls back or gives up",
            )
        };
        let (name, label) = if workload.progress_deadline.is_default() {
            ("progressDeadlineSeconds, default", "longer than the default progress deadline")
        } else {
            ("progressDeadlineSeconds", "too short")
        };
        let place = workload
            .progress_deadline
            .place()
            .or_else(|| slowest_start(workload).map(|(_, place)| place))
            .unwrap_or(workload.place);
        let sum = Sum::new(terms, *deadline, name);
        findings.push(
            Finding::new(
                &RULE,
                severity,
                workload,
                "has a progress deadline that ends before a new pod can be ready",
                place,
                label,
            )
            .also(workload.min_ready.place(), "minReadySeconds")
            .sum(&sum)
            .effect(effect)
            .remedy("set progressDeadlineSeconds to more than the sum"),
        );
    }
}

/// Returns the longest time that a startup probe allows, and the probe's place.
fn slowest_start(workload: &Workload) -> Option<(Duration, Place)> {
    let probes = workload.main().filter_map(|container| container.startup.as_ref());
    probes.filter_map(|probe| Some((startup(probe)?, probe.place))).max_by_key(|(time, _)| *time)
}

/// Returns how long a startup probe lets a container start.
fn startup(probe: &Probe) -> Option<Duration> {
    let checks = probe.period.value()?.saturating_mul(*probe.failures.value()?);
    Some(probe.initial_delay.value()?.saturating_add(checks))
}
