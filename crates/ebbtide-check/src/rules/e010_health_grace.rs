use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, seconds};

pub(super) static RULE: Rule = Rule {
    id: "E010",
    name: "health-grace",
    severity: Severity::Warning,
    summary: "A new task is replaced before the load balancer can count it as healthy",
    details: "
Health checks of the load balancer count from the start of a task on, unless `healthCheckGracePeriodSeconds` is set. A new target is healthy after the first check that
it passes (`HealthyThresholdCount` is for a target that has been unhealthy), and the checks are `HealthCheckIntervalSeconds` apart. A grace period below that may end before
the first check, while a task still starts, and ECS replaces the task:

    0 < grace period < interval

The rule is about services whose grace period is written. Without one, ECS stops a task only after failed checks.
",
    sources: &[
        "botocore, ecs, `healthCheckGracePeriodSeconds`; elbv2, the default interval of the health check: 30 s",
        "awsdocs/elb-application-load-balancers-user-guide, target-group-health-checks.md: a new target must pass one health check",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E010/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E010/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(service) = &workload.service else { continue };
        let Declared::Written(grace, place) = &service.health_grace else { continue };
        for group in &service.target_groups {
            let Some(&interval) = group.interval.value() else { continue };
            let needed = seconds(interval.into());
            if grace.is_zero() || *grace >= needed {
                continue;
            }
            let sum = Sum::new(
                vec![(needed, "interval of the health check".to_owned())],
                *grace,
                "healthCheckGracePeriodSeconds",
            );
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, "may replace new tasks before they are healthy", *place, "too short")
                    .also(Some(group.place), "the health check")
                    .sum(&sum)
                    .effect("tasks are replaced while they start, and the deployment goes on for ever or is rolled back")
                    .remedy("set healthCheckGracePeriodSeconds to the start-up time and the interval"),
            );
        }
    }
}
