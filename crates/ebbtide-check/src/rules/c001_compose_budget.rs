use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "C001",
    name: "compose-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the grace period of the service",
    details: "
Compose sends the stop signal and kills the container after `stop_grace_period`, 10 s by default:

    drain + 2 (margin) > stop_grace_period

The drain time has to be declared: by the label `ebbtide.dev/drain: 20s`, or by a flag or a variable of a known server, in the Compose file
or in the Dockerfile that the service builds. If only the default of a known server is known, the finding is an info.
",
    sources: &[
        "compose-spec, `spec.md`: stop_grace_period, 10 s by default",
    ],
    bad: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C001/bad.yaml") }],
    good: &[Example { name: "compose.yaml", text: include_str!("../../fixtures/C001/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Compose) {
        findings.extend(workload.containers.iter().filter_map(|container| {
            overrun(&RULE, workload, container, |budget| {
                // Compose rounds fractions down.
                format!("set stop_grace_period to {}s or more", whole_seconds(budget.needed))
            })
        }));
    }
}
