use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Platform, Project, seconds};

pub(super) static RULE: Rule = Rule {
    id: "E003",
    name: "spot-budget",
    severity: Severity::Error,
    summary: "On Fargate Spot the task ends before its target is deregistered",
    details: "
Fargate Spot gives a notice of two minutes and sends SIGTERM at the same time. The deregistration delay of the target group (300 s by
default) and the stop timeout of the task (30 s) have to fit in it:

    deregistration delay + stopTimeout > 120

It is an error if the delay is in the template, and a warning if it is the default. The rule needs the service, the task definition and the
target group in one template.
",
    sources: &[
        "re:Post, Fargate Spot termination notices: keep the deregistration delay below 120 s",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E003/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E003/good.yaml") }],
    check,
};

/// The notice of Fargate Spot.
const NOTICE: Duration = seconds(120);

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(service) = &workload.service else { continue };
        let (Some(spot), Some(stop)) = (service.spot, &service.stop_timeout) else { continue };
        for group in &service.target_groups {
            let (Some(&delay), Some(&stop_time)) = (group.deregistration.value(), stop.value()) else {
                continue;
            };
            let default = |is_default: bool, label: &str| {
                if is_default { format!("{label}, default") } else { label.to_owned() }
            };
            let terms = vec![
                (delay, default(group.deregistration.is_default(), "deregistration delay")),
                (stop_time, default(stop.is_default(), "stopTimeout")),
            ];
            let sum = Sum::new(terms, NOTICE, "notice of Fargate Spot");
            if sum.total() <= NOTICE {
                continue;
            }
            let severity =
                if group.deregistration.is_default() { Severity::Warning } else { Severity::Error };
            findings.push(
                Finding::new(
                    &RULE,
                    severity,
                    workload,
                    "ends on Spot while the load balancer still sends to it",
                    group.deregistration.place().unwrap_or(group.place),
                    "the deregistration delay",
                )
                .also(Some(spot), "two minutes of notice")
                .also(stop.place(), "the stop timeout")
                .sum(&sum)
                .effect("when a Spot task is reclaimed, requests to it are reset, and clients see 502 or 504")
                .remedy("set deregistration_delay.timeout_seconds so that the sum is below 120"),
            );
        }
    }
}
