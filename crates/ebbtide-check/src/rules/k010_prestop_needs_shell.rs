use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::lacks;
use crate::model::{Declared, Platform, PreStopAction, Project};

pub(super) static RULE: Rule = Rule {
    id: "K010",
    name: "prestop-needs-shell",
    severity: Severity::Warning,
    summary: "The preStop hook runs a program that the image does not have",
    details: "
Images built from scratch, distroless and Chainguard images have no shell and no `sleep`. An exec hook that needs one fails at once: the
kubelet records the event `FailedPreStopHook` and sends SIGTERM without the delay. Kubernetes has a `sleep` action of its own since 1.30
(beta, on by default; stable in 1.34).

The rule is about images whose names say what they are based on.
",
    sources: &[
        "kubernetes/enhancements, KEP-3960: the sleep action, because images may lack the binary",
        "kubernetes/website, `container-lifecycle-hooks.md`: SIGTERM follows a failed hook at once",
    ],
    bad: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K010/bad.yaml") }],
    good: &[Example { name: "deployment.yaml", text: include_str!("../../fixtures/K010/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for container in workload.running() {
            let Some(PreStopAction::Exec(command)) = container.pre_stop.as_ref().map(|hook| &hook.action)
            else {
                continue;
            };
            let Some(program) = command.program() else { continue };
            let Some(Declared::Written(image, place)) = &container.image else { continue };
            if !lacks(image, program) {
                continue;
            }
            let title = named(
                workload,
                container,
                &format!("has a preStop hook that cannot run: the image has no `{program}`"),
            );
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, title, command.place, "fails at once")
                    .also(Some(*place), "an image without a shell")
                    .note("the image is what its name says")
                    .effect("the delay before SIGTERM does not happen: new connections are refused during each rollout")
                    .remedy("use the sleep action of Kubernetes: `preStop: {sleep: {seconds: 10}}`"),
            );
        }
    }
}
