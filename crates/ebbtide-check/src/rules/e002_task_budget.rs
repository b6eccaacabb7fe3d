use super::repairs::raise_grace;
use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::Budget;
use crate::model::{Platform, Project, number};

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
        for container in &workload.containers {
            let Some(budget) = Budget::of(workload, container).filter(Budget::overruns) else { continue };
            let severity = if budget.drain.is_declared { Severity::Error } else { Severity::Info };
            let place = workload.grace_of(container).place();
            let label = if place.is_some() { "SIGKILL" } else { "no stopTimeout: 30 s by default" };
            let title = named(workload, container, &budget.title());
            findings.push(
                Finding::new(&RULE, severity, workload, title, place.unwrap_or(container.place), label)
                    .also(budget.drain.place, "after the stop signal")
                    .sum(&budget.sum)
                    .repair(raise_grace(workload, container).filter(|_| budget.drain.is_declared))
                    .effect(budget.effect())
                    .remedy(format!(
                        "set stopTimeout to at least {} (120 at most on Fargate), or shorten the drain",
                        number(budget.needed)
                    )),
            );
        }
    }
}
