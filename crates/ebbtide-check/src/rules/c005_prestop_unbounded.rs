use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, PreStopAction, Project};

pub(super) static RULE: Rule = Rule {
    id: "C005",
    name: "prestop-unbounded",
    severity: Severity::Info,
    summary: "A pre_stop hook has no time limit",
    details: "
Compose runs the `pre_stop` hooks of a service before it sends the stop signal. `stop_grace_period` begins after them, and no limit applies
to them: a hook that hangs delays `docker compose down` until it is interrupted.
",
    sources: &[
        "docker/compose, `pkg/compose/down.go`: the hooks run before the stop",
    ],
    bad: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C005/bad.yaml") }],
    good: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C005/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Compose) {
        for container in &workload.containers {
            let Some(hook) = &container.pre_stop else { continue };
            let is_limited =
                matches!(&hook.action, PreStopAction::Exec(command) if command.program() == Some("timeout"));
            if is_limited {
                continue;
            }
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Info,
                    workload,
                    "has a pre_stop hook without a time limit",
                    hook.place,
                    "may take for ever",
                )
                .effect("a hook that hangs keeps the service from stopping")
                .remedy("begin the command of the hook with `timeout 10s`"),
            );
        }
    }
}
