use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "E006",
    name: "dereg-cuts-requests",
    severity: Severity::Warning,
    summary: "The load balancer drops requests that are still in flight",
    details: "
The load balancer waits for the requests of a target that is deregistered, for the deregistration delay and no longer. A request that waits for its
answer may last as long as the idle timeout of the load balancer, 60 s by default:

    deregistration delay < idle timeout

It is a warning if the template sets the idle timeout, since requests are then expected to take that long, and an info with the default. The
rule is about target groups with HTTP whose delay is written, in a template with one Application Load Balancer.
",
    sources: &[
        "botocore, elbv2: `idle_timeout.timeout_seconds`, 60 by default, and `deregistration_delay.timeout_seconds`",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E006/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E006/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(group) = &workload.target_group else { continue };
        let (Declared::Written(delay, place), Some(idle)) = (&group.deregistration, &group.idle_timeout)
        else {
            continue;
        };
        let Some(limit) = idle.value().filter(|idle| delay < idle) else { continue };
        let severity = if idle.is_default() { Severity::Info } else { Severity::Warning };
        let label = if idle.is_default() { "idle timeout, default" } else { "idle timeout" };
        let sum = Sum::new(vec![(*delay, "deregistration delay".to_owned())], *limit, label);
        findings.push(
            Finding::new(
                &RULE,
                severity,
                workload,
                "drops requests that take longer than its deregistration delay",
                *place,
                "waits no longer than this",
            )
            .also(idle.place(), "a request may wait this long for its answer")
            .sum(&sum)
            .effect("each deployment ends the slow requests of the tasks that it replaces: clients see 502 or 504")
            .remedy("set the deregistration delay to what the slowest request takes, or lower the idle timeout to that"),
        );
    }
}
