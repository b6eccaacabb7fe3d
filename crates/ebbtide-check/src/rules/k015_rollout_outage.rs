use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, Rollout};

pub(super) static RULE: Rule = Rule {
    id: "K015",
    name: "rollout-outage",
    severity: Severity::Error,
    summary: "A rollout leaves no pod available",
    details: "
A rolling update may take `maxUnavailable` pods away before new ones are ready. `maxSurge` is rounded up and `maxUnavailable` down; if both
are then 0, one pod may be unavailable:

    replicas - maxUnavailable < 1

Two zeros that are written are an error: the API server rejects them.

Otherwise the rule is about Deployments that a Service selects and whose replicas are in the file. If a HorizontalPodAutoscaler or a ScaledObject of KEDA in the input scales
them, its minimum is the number of replicas; it has to be written and above 0. With the defaults (25 % each) one replica is
replaced without an outage.
",
    sources: &[
        "kubernetes/kubernetes, `pkg/controller/deployment/util/deployment_util.go`, `ResolveFenceposts`",
        "kubernetes/kubernetes, `pkg/apis/apps/validation/validation.go`, `ValidateRollingUpdateDeployment`: may not be 0 when maxSurge is 0",
    ],
    bad: &[Example { name: "pages.yaml", text: include_str!("../../fixtures/K015/bad.yaml") }],
    good: &[Example { name: "pages.yaml", text: include_str!("../../fixtures/K015/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Rollout::Rolling { surge, unavailable } = &workload.rollout else { continue };
        if let (Declared::Written(more, place), Declared::Written(fewer, other)) = (surge, unavailable)
            && more.is_zero()
            && fewer.is_zero()
        {
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    "has a rollout that may neither add nor take away a pod",
                    *other,
                    "may not be 0 when maxSurge is 0",
                )
                .also(Some(*place), "no pod may be added")
                .effect("the API server rejects the object, and the rollout does not happen")
                .remedy("set maxSurge to 1"),
            );
            continue;
        }
        if workload.routes.is_empty() {
            continue;
        }
        let Declared::Written(replicas, replicas_place) = &workload.replicas else { continue };
        let (Some(surge), Some(amount)) = (surge.value(), unavailable.value()) else { continue };
        let (more, fewer) = (surge.ceil(*replicas), amount.floor(*replicas));
        let fewer = if more == 0 && fewer == 0 { 1 } else { fewer };
        if *replicas == 0 || fewer < *replicas {
            continue;
        }
        let mut finding = Finding::new(
            &RULE,
            Severity::Warning,
            workload,
            "has no pod available during a rollout",
            unavailable.place().unwrap_or(*replicas_place),
            format!("{fewer} of {replicas} may be unavailable"),
        )
        .also(Some(*replicas_place), "the pods")
        .effect("from the stop of the last old pod until a new one is ready, every request fails")
        .remedy("set maxUnavailable to 0 and maxSurge to 1, or run more replicas");
        finding.arithmetic = Some(format!(
            "{replicas} ({}) - {fewer} (maxUnavailable) = {} < 1",
            workload.replicas_from.unwrap_or("replicas"),
            replicas.saturating_sub(fewer)
        ));
        findings.push(finding);
    }
}
