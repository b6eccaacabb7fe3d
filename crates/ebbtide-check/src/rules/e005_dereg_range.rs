use super::repairs::set;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, seconds, show};

pub(super) static RULE: Rule = Rule {
    id: "E005",
    name: "dereg-range",
    severity: Severity::Error,
    summary: "The deregistration delay is outside of the range that the load balancer accepts",
    details: "
`deregistration_delay.timeout_seconds` is between 0 and 3600. The API rejects another value.
",
    sources: &["botocore, elbv2, `TargetGroupAttribute`"],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E005/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E005/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(Declared::Written(delay, place)) =
            workload.target_group.as_ref().map(|group| &group.deregistration)
        else {
            continue;
        };
        if *delay <= seconds(3600) {
            continue;
        }
        let title = format!("has a deregistration delay of {}, which is rejected", show(*delay));
        findings.push(
            Finding::new(&RULE, Severity::Error, workload, title, *place, "0 to 3600")
                .repair(set("the deregistration delay", *place, "3600"))
                .effect("the target group cannot be created, and the deployment does not happen")
                .remedy("set a value between 0 and 3600"),
        );
    }
}
