use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "E007",
    name: "dereg-default",
    severity: Severity::Info,
    summary: "Every task that is replaced may wait for five minutes",
    details: "
ECS deregisters a task and waits for the deregistration delay before it stops it, unless no request is in flight and no connection is open. The
default is 300 s. A deployment with long connections takes that long for each task.
",
    sources: &[
        "botocore, elbv2: 300 s by default",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E007/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E007/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(service) = &workload.service else { continue };
        for group in service.target_groups.iter().filter(|group| group.deregistration.is_default()) {
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Info,
                    workload,
                    "may wait 300 s for each task that it replaces",
                    group.place,
                    "300 s by default",
                )
                .effect("deployments and scale-downs take up to five minutes longer")
                .remedy("set deregistration_delay.timeout_seconds to what the slowest request takes"),
            );
        }
    }
}
