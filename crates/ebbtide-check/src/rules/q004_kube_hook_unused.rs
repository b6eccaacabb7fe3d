use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "Q004",
    name: "kube-hook-unused",
    severity: Severity::Warning,
    summary: "A pod that Podman runs relies on a preStop hook, which Podman does not run",
    details: "
A `.kube` unit runs the pods of a file of Kubernetes by `podman kube play`. Podman does not support `lifecycle.preStop`: the stop signal is sent at once, and
what the hook was to do, such as waiting for a proxy or saving state, does not happen.
",
    sources: &[
        "containers/podman, `kubernetes_support.md`: lifecycle.preStop is not supported",
        "podman-kube.unit(5): Yaml=",
    ],
    bad: &[
        Example { name: "broker.kube", text: include_str!("../../fixtures/Q004/bad.kube") },
        Example { name: "broker.yaml", text: include_str!("../../fixtures/Q004/bad.yaml") },
    ],
    good: &[
        Example { name: "broker.kube", text: include_str!("../../fixtures/Q004/good.kube") },
        Example { name: "broker.yaml", text: include_str!("../../fixtures/Q004/good.yaml") },
    ],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Quadlet).filter(|workload| !workload.is_oneshot) {
        let Some(quadlet) = &workload.quadlet else { continue };
        for place in quadlet.played.iter().flat_map(|played| &played.unused_hooks) {
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    "has a preStop hook that Podman does not run",
                    *place,
                    "has no effect",
                )
                .also(Some(quadlet.place), "runs the pod by `podman kube play`")
                .effect("the program receives the stop signal at once: what the hook waits for or saves is lost")
                .remedy("let the program do on SIGTERM what the hook does, or add it as ExecStop= to [Service] of the unit"),
            );
        }
    }
}
