use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Handler, Platform, Project, Role};

pub(super) static RULE: Rule = Rule {
    id: "K014",
    name: "sidecar-liveness-during-drain",
    severity: Severity::Warning,
    summary: "A sidecar is restarted while the pod drains, because its liveness probe is its readiness probe",
    details: "
The liveness probes of ordinary containers stop when the pod is deleted. Those of native sidecars (init containers with `restartPolicy:
Always`) go on until the main containers have exited, and a failing sidecar is restarted. A sidecar that turns its readiness off while it
drains then fails its liveness probe too, and takes the main container's connections with it.
",
    sources: &[
        "kubernetes/enhancements, KEP-4438: liveness probes of restartable init containers during termination",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K014/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K014/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for sidecar in workload.containers.iter().filter(|container| container.role == Role::Sidecar) {
            let (Some(liveness), Some(readiness)) = (&sidecar.liveness, &sidecar.readiness) else { continue };
            if liveness.handler != readiness.handler || liveness.handler == Handler::Unknown {
                continue;
            }
            let title =
                format!("restarts its sidecar `{}` while it drains, if readiness turns off", sidecar.name);
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    title,
                    liveness.place,
                    "the same request as the readiness probe",
                )
                .also(Some(readiness.place), "turns off while it drains")
                .note("the sidecar reports not ready while it stops")
                .effect("requests that pass through the sidecar during the drain are reset when it restarts")
                .remedy("give the liveness probe a path that stays green while the sidecar drains"),
            );
        }
    }
}
