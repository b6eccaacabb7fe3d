use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::longest_chain;
use crate::model::{Platform, Project, seconds};

pub(super) static RULE: Rule = Rule {
    id: "E012",
    name: "chain-time",
    severity: Severity::Error,
    summary: "Containers that stop one after the other take longer than the notice",
    details: "
A container that others depend on (`dependsOn`) is stopped after they have stopped. Each has its own stop timeout, so that the stop of the task
takes up to the sum along the longest chain:

    stopTimeout + stopTimeout of what it depends on + ... > 120

Dependencies with the conditions `START` and `HEALTHY` count. A container that another one waits for to end (`COMPLETE`, `SUCCESS`) has ended before that one
starts, and is not stopped.

On Fargate Spot the notice is two minutes: an error if every timeout of the chain is written. Elsewhere the task may take that long, an info.
",
    sources: &[
        "aws/amazon-ecs-agent, `agent/engine/dependencygraph/graph.go`: the order of the stop",
        "re:Post, Fargate Spot termination notices: two minutes",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E012/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E012/good.yaml") }],
    check,
};

/// The notice of Fargate Spot.
const NOTICE: Duration = seconds(120);

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let spot = workload.service.as_ref().and_then(|service| service.spot);
        let containers = match &workload.service {
            // The chain of a service is that of its task definition, which is reported once.
            Some(service) if spot.is_some() => &service.containers,
            Some(_) => continue,
            None => &workload.containers,
        };
        let Some(chain) = longest_chain(containers).filter(|chain| chain.len() > 1) else { continue };
        let terms = chain.iter().map(|link| (link.time, format!("stopTimeout of `{}`", link.container.name)));
        let limit = if spot.is_some() { "notice of Fargate Spot" } else { "two minutes" };
        let sum = Sum::new(terms.collect(), NOTICE, limit);
        let Some(last) = chain.last().filter(|_| sum.total() > NOTICE) else { continue };
        let is_declared = chain.iter().all(|link| link.is_declared);
        let severity = if spot.is_some() && is_declared { Severity::Error } else { Severity::Info };
        let mut finding = Finding::new(
            &RULE,
            severity,
            workload,
            "may not have stopped when the notice ends",
            last.container.place,
            "stops last",
        );
        if spot.is_none() {
            finding.title = "may take longer than two minutes to stop".to_owned();
        }
        findings.push(
            finding
                .also(spot, "two minutes of notice")
                .sum(&sum)
                .effect("the containers that stop last are killed, with what they have not sent or written")
                .remedy("shorten the stop timeouts, or remove dependencies that only the start needs"),
        );
    }
}
