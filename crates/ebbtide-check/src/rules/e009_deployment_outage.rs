use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "E009",
    name: "deployment-outage",
    severity: Severity::Warning,
    summary: "A deployment may stop every task behind the load balancer",
    details: "
With a low `minimumHealthyPercent` ECS may stop all old tasks before a new one is healthy:

    ceil(desired * minimum / 100) == 0

The rule is about services with a load balancer whose deployments are rolling, as in [E008](E008.md).
",
    sources: &["botocore, ecs, `DeploymentConfiguration.minimumHealthyPercent`"],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E009/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E009/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(service) = workload.service.as_ref().filter(|service| service.is_rolling) else { continue };
        let (Some(balancer), Declared::Written(least, place)) =
            (service.load_balancer, &service.minimum_percent)
        else {
            continue;
        };
        if *least > 0 || service.desired.value() == Some(&0) {
            continue;
        }
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                "may have no task during a deployment",
                *place,
                "no task has to stay",
            )
            .also(Some(balancer), "sends requests to it")
            .effect("from the stop of the old tasks until a new one is healthy, clients see 503")
            .remedy("set minimumHealthyPercent to 50 or more, and maximumPercent to 200"),
        );
    }
}
