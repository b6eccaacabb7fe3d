use super::overrun::overrun;
use super::repairs::needed;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::{Budget, sidecar_drains};
use crate::model::{Container, Platform, Project, Workload, show, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "K001",
    name: "budget-overrun",
    severity: Severity::Error,
    summary: "The preStop hook and the drain do not fit in the grace period",
    details: "
The grace period of a pod (`terminationGracePeriodSeconds`, 30 s by default) begins with the deletion. The preStop hook runs
inside of it, and SIGTERM is sent when the hook has finished. What is left must be enough for the program to drain and to exit:

    preStop + drain + 2 (margin) > terminationGracePeriodSeconds

The drain time has to be declared: by the annotation `ebbtide.dev/drain: 20s` on the workload or its pods, by a flag or a variable
of a known server (`--graceful-timeout` of gunicorn), or by the plan of a service (`--plan`). Without one the rule is silent. If only
the default of a known server is known, the finding is an info. The pods of a Knative Service have `timeoutSeconds` (300 by default) as
their grace period. A hook whose time is unknown counts as zero.
",
    sources: &[
        "kubernetes/website, `content/en/docs/concepts/containers/container-lifecycle-hooks.md`: a grace period of 60 s, a hook of \
         55 s and a program that needs 10 s end in a kill",
        "kubernetes/api, `core/v1/types.go`: the countdown starts before the hook",
        "knative/serving, `pkg/reconciler/revision/resources/deploy.go`: TerminationGracePeriodSeconds is TimeoutSeconds",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K001/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K001/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes).chain(project.on(Platform::Knative)) {
        // A hook that takes the whole grace period is K002, and no grace period is K004.
        let is_left = |container: &&Container| {
            Budget::of(workload, container).is_some_and(|budget| budget.pre_stop < budget.grace)
        };
        findings.extend(workload.running().filter(is_left).filter_map(|container| {
            overrun(&RULE, workload, container, |budget| {
                let name = workload.grace_name();
                let needed = needed(workload, container).unwrap_or(budget.needed);
                let more = if needed > budget.needed { sidecars(workload) } else { String::new() };
                format!("set {name} to at least {}{more}, or shorten the drain", whole_seconds(needed))
            })
        }));
    }
}

/// Returns what the grace period has to have for the sidecars, which drain after the program.
fn sidecars(workload: &Workload) -> String {
    let all = sidecar_drains(workload).filter(|(_, time)| !time.is_zero());
    let all: Vec<String> = all
        .map(|(sidecar, time)| format!("{} for the drain of `{}` after it", show(time), sidecar.name))
        .collect();
    if all.is_empty() { String::new() } else { format!(" (with {})", all.join(", ")) }
}
