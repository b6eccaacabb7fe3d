use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Amount, Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "E008",
    name: "deployment-deadlock",
    severity: Severity::Error,
    summary: "A deployment can neither stop an old task nor start a new one",
    details: "
ECS keeps `minimumHealthyPercent` of the tasks (rounded up) and runs at most `maximumPercent` (rounded down). If neither leaves room, the
deployment does not begin:

    ceil(desired * minimum / 100) >= desired and floor(desired * maximum / 100) <= desired

The desired number has to be written, and nothing of Application Auto Scaling in the input may change it. The rule is about rolling deployments. With the deployment controllers `CODE_DEPLOY` and `EXTERNAL`, and with the strategies `BLUE_GREEN`, `LINEAR`
and `CANARY`, the new tasks start beside all old ones.
",
    sources: &[
        "awsdocs, container-instance-draining.md: 100 and 100 prevent new deployments",
        "botocore, ecs, `DeploymentConfiguration`: the rounding",
    ],
    bad: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E008/bad.yaml") }],
    good: &[Example { name: "template.yaml", text: include_str!("../../fixtures/E008/good.yaml") }],
    check,
};

fn tasks(count: u32) -> String {
    if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") }
}

/// Returns the highest minimum percentage that lets one of this many tasks stop.
fn most_to_stop_one(desired: u32) -> u64 {
    let desired = u64::from(desired);
    desired.saturating_sub(1).saturating_mul(100).checked_div(desired).unwrap_or_default()
}

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Ecs) {
        let Some(service) = workload.service.as_ref().filter(|service| service.is_rolling) else { continue };
        // Without a number a deployment keeps the one that runs, whatever set it.
        let Declared::Written(desired, _) = service.desired else { continue };
        let (Some(&least), Some(&most)) = (service.minimum_percent.value(), service.maximum_percent.value())
        else {
            continue;
        };
        let kept = Amount::Percent(least).ceil(desired);
        let allowed = Amount::Percent(most).floor(desired);
        if desired == 0 || kept < desired || allowed > desired {
            continue;
        }
        let place =
            service.maximum_percent.place().or(service.minimum_percent.place()).or(service.desired.place());
        let mut finding = Finding::new(
            &RULE,
            Severity::Error,
            workload,
            "can never be deployed again",
            place.unwrap_or(workload.place),
            format!("{} at most", tasks(allowed)),
        )
        .also(service.minimum_percent.place(), format!("{} at least", tasks(kept)))
        .also(service.desired.place(), "the tasks")
        .effect("each deployment waits until it times out, and the old version goes on")
        .remedy(format!(
            "set maximumPercent to 200, or minimumHealthyPercent to {}",
            most_to_stop_one(desired)
        ));
        finding.arithmetic = Some(format!(
            "ceil({desired} * {least}%) = {kept} >= {desired} and floor({desired} * {most}%) = {allowed} <= {desired}"
        ));
        findings.push(finding);
    }
}
