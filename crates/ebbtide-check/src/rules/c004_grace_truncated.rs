use super::repairs::set_grace;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "C004",
    name: "grace-truncated",
    severity: Severity::Error,
    summary: "The grace period is truncated to whole seconds",
    details: "
Compose passes `stop_grace_period` on in whole seconds and rounds down. Less than a second becomes 0, and the container is killed at once:
an error. A fraction is lost otherwise: an info.
",
    sources: &[
        "docker/compose, `pkg/compose/convert.go`, `ToSeconds`",
    ],
    bad: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C004/bad.yaml") }],
    good: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C004/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Compose) {
        let (Declared::Written(whole, place), Some(grace)) = (&workload.grace, &workload.written_grace)
        else {
            continue;
        };
        if grace == whole {
            continue;
        }
        let (severity, effect) = if whole.is_zero() {
            (
                Severity::Error,
                "the container is killed at once: requests in flight are reset, and nothing is flushed",
            )
        } else {
            (Severity::Info, "the program is killed earlier than the file says")
        };
        findings.push(
            Finding::new(
                &RULE,
                severity,
                workload,
                format!("has {} to stop instead of {}", show(*whole), show(*grace)),
                *place,
                "rounded down",
            )
            .effect(effect)
            .repair(workload.containers.first().and_then(|container| set_grace(workload, container, *grace)))
            .remedy("write whole seconds"),
        );
    }
}
