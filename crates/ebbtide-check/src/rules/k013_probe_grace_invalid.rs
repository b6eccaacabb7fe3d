use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "K013",
    name: "probe-grace-invalid",
    severity: Severity::Error,
    summary: "The grace period of a probe is rejected, or ends before the preStop hook",
    details: "
A liveness or startup probe may have a grace period of its own, which replaces that of the pod when the probe causes the restart. The
preStop hook runs in that case too and counts: a grace period that is not longer than the hook leaves 2 s for the program, and that is a
warning. The API server rejects the field on a readiness probe and a value below 1, which are errors.
",
    sources: &[
        "kubernetes/website, `configure-liveness-readiness-startup-probes.md`: probe-level terminationGracePeriodSeconds",
        "kubernetes/api, `core/v1/types.go`",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K013/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K013/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for container in workload.running() {
            let mut report = |severity, title: &str, place, label: &str, effect: &str, remedy: &str| {
                let title = named(workload, container, title);
                findings.push(
                    Finding::new(&RULE, severity, workload, title, place, label)
                        .effect(effect)
                        .remedy(remedy),
                );
            };
            let rejected = "the API server rejects the object, and the rollout does not happen";
            if let Some(place) = container.readiness.as_ref().and_then(|probe| probe.grace.as_ref()?.place())
            {
                let title = "has a grace period at its readiness probe, which never stops a container";
                report(
                    Severity::Error,
                    title,
                    place,
                    "not allowed here",
                    rejected,
                    "remove it, or move it to the liveness probe",
                );
            }
            let hook = container.pre_stop.as_ref().and_then(|hook| hook.least);
            for probe in [&container.liveness, &container.startup].into_iter().flatten() {
                let Some(Declared::Written(grace, place)) = &probe.grace else { continue };
                if grace.is_zero() {
                    let title = "has a probe with a grace period of zero";
                    report(
                        Severity::Error,
                        title,
                        *place,
                        "1 at least",
                        rejected,
                        "set it to the preStop hook, the drain and 2 s more",
                    );
                } else if let Some((time, _)) = hook.filter(|(time, _)| time >= grace) {
                    let title = format!(
                        "has {} for a restart by this probe, and its preStop hook takes {}",
                        show(*grace),
                        show(time)
                    );
                    let effect = "when the probe fails, SIGTERM arrives 2 s before SIGKILL: requests in flight are reset";
                    report(
                        Severity::Warning,
                        &title,
                        *place,
                        "less than the hook",
                        effect,
                        "set it to the preStop hook, the drain and 2 s more",
                    );
                }
            }
        }
    }
}
