use super::words::named;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::MARGIN;
use crate::model::{Platform, Project, show, whole_seconds};

pub(super) static RULE: Rule = Rule {
    id: "E014",
    name: "agent-timeout",
    severity: Severity::Warning,
    summary: "The machines stop containers sooner than these can drain",
    details: "
On machines of one's own a container without `stopTimeout` has the stop timeout of the agent: `ECS_CONTAINER_STOP_TIMEOUT`, 30 s by default. Examples
set it to a few seconds so that machines drain quickly:

    drain + 2 (margin) > ECS_CONTAINER_STOP_TIMEOUT

The rule reads the user data of launch templates and launch configurations, and is about task definitions of the same template that are not for
Fargate and whose drain is declared. The default of the agent itself is [E002](E002.md).
",
    sources: &[
        "aws/amazon-ecs-agent, `README.md`: ECS_CONTAINER_STOP_TIMEOUT",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E014/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E014/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some((limit, place)) = workload.agent_timeout else { continue };
        for container in &workload.containers {
            if !workload.grace_of(container).is_default() {
                continue;
            }
            let Some(drain) = workload.drain_of(container).filter(|drain| drain.is_declared) else {
                continue;
            };
            let terms =
                vec![(drain.time, format!("drain, from {}", drain.from)), (MARGIN, "margin".to_owned())];
            let sum = Sum::new(terms, limit, "ECS_CONTAINER_STOP_TIMEOUT");
            if sum.total() <= limit {
                continue;
            }
            let title = format!(
                "needs {} to stop, but its machines kill it after {}",
                show(sum.total()),
                show(limit)
            );
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    named(workload, container, &title),
                    place,
                    "the agent's stop timeout",
                )
                .also(Some(container.place), "has no stop timeout of its own")
                .also(drain.place, format!("after {}", workload.signal_of(container)))
                .sum(&sum)
                .effect(
                    "SIGKILL ends requests and jobs in flight at each deployment and each drain of a machine",
                )
                .remedy(format!(
                    "set stopTimeout of the container to {} or more",
                    whole_seconds(sum.total())
                )),
            );
        }
    }
}
