use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "K004",
    name: "grace-zero",
    severity: Severity::Error,
    summary: "The grace period is zero: the pod has no shutdown",
    details: "
With `terminationGracePeriodSeconds: 0` the processes are killed at once and the preStop hook does not run. For a StatefulSet the
documentation calls it unsafe: the name of a pod may be given to a new one while the old one still runs.

It is an error if the pod has a preStop hook, which then never runs, or belongs to a StatefulSet; otherwise a warning.
",
    sources: &[
        "kubernetes/api, `core/v1/types.go`: zero means stop immediately via the kill signal",
        "kubernetes/website, `content/en/docs/concepts/workloads/controllers/statefulset.md`: strongly discouraged",
    ],
    bad: &[Example { name: "statefulset.yaml", text: include_str!("../../fixtures/K004/bad.yaml") }],
    good: &[Example { name: "statefulset.yaml", text: include_str!("../../fixtures/K004/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Declared::Written(grace, place) = &workload.grace else { continue };
        if !grace.is_zero() {
            continue;
        }
        let hook = workload.running().find_map(|container| container.pre_stop.as_ref());
        let is_stateful = workload.kind == "StatefulSet";
        let severity = if hook.is_some() || is_stateful { Severity::Error } else { Severity::Warning };
        let title = if hook.is_some() {
            "is killed at once, and its preStop hook never runs"
        } else {
            "is killed at once, without a shutdown"
        };
        let effect = if is_stateful {
            "each stop is a crash: open transactions are rolled back or lost, and a new pod of the same name may start while \
             the old one still writes"
        } else {
            "each stop is a crash: requests in flight are reset, and nothing is flushed"
        };
        findings.push(
            Finding::new(&RULE, severity, workload, title, *place, "no time at all")
                .also(hook.map(|hook| hook.place), "does not run")
                .effect(effect)
                .remedy("remove the field (30 s by default), or set it to the time that the shutdown takes"),
        );
    }
}
