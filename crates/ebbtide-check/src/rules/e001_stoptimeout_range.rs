use super::repairs::{needed, set_grace};
use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, seconds, show};

pub(super) static RULE: Rule = Rule {
    id: "E001",
    name: "stoptimeout-range",
    severity: Severity::Error,
    summary: "The stop timeout is outside of the range that Fargate accepts",
    details: "
On Fargate `stopTimeout` is between 2 and 120 seconds. ECS rejects a task definition with another value.

    stopTimeout < 2 or stopTimeout > 120
",
    sources: &["botocore, ecs, `ContainerDefinition.stopTimeout`"],
    bad: &[Example { name: "task.json", text: include_str!("../../fixtures/E001/bad.json") }],
    good: &[Example { name: "task.json", text: include_str!("../../fixtures/E001/good.json") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs).filter(|workload| workload.is_fargate) {
        for container in &workload.containers {
            let Some(Declared::Written(time, place)) = &container.grace else { continue };
            if (seconds(2)..=seconds(120)).contains(time) {
                continue;
            }
            // The nearest value that is allowed, unless the drain needs more.
            let nearest = (*time).clamp(seconds(2), seconds(120));
            let value = needed(workload, container).map_or(nearest, |needed| needed.max(nearest));
            let title = format!("has a stop timeout of {}, which Fargate rejects", show(*time));
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    named(workload, container, &title),
                    *place,
                    "2 to 120",
                )
                .repair(set_grace(workload, container, value))
                .effect("the task definition cannot be registered, and the deployment does not happen")
                .remedy(
                    "set stopTimeout to a value between 2 and 120; what takes longer has to be resumable",
                ),
            );
        }
    }
}
