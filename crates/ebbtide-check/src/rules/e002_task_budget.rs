use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, seconds, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "E002",
    name: "task-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the stop timeout of the container",
    details: "
ECS sends the stop signal and kills the container after `stopTimeout`, 30 s by default:

    drain + 2 (margin) > stopTimeout

The drain time has to be declared: by the Docker label `ebbtide.dev/drain: 20s`, or by a flag or a variable of a known server. If only the
default of a known server is known, the finding is an info.
",
    sources: &[
        "botocore, ecs, `ContainerDefinition.stopTimeout`: 30 s by default",
    ],
    bad: &[Example { name: "task.json", text: include_str!("../../fixtures/E002/bad.json") }],
    good: &[Example { name: "task.json", text: include_str!("../../fixtures/E002/good.json") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        findings.extend(workload.containers.iter().filter_map(|container| {
            overrun(&RULE, workload, container, |budget| {
                if workload.is_fargate && budget.needed > seconds(120) {
                    return "shorten the drain to 118 s or less: Fargate stops a container after 120 s at most".to_owned();
                }
                format!(
                    "set stopTimeout to at least {} (120 at most on Fargate), or shorten the drain",
                    whole_seconds(budget.needed)
                )
            })
        }));
    }
}
