use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{self, MARGIN};
use crate::model::{Platform, Project, RouteKind, show};

pub(super) static RULE: Rule = Rule {
    id: "K007",
    name: "alb-delay-vs-grace",
    severity: Severity::Warning,
    summary: "The pod ends before the load balancer stops waiting for its requests",
    details: "
An AWS load balancer with targets in `ip` mode deregisters a pod when it is deleted, and lets its requests in flight finish for the
deregistration delay (300 s by default). The pod itself is killed at the end of its grace period, whatever the load balancer does:

    deregistration delay > terminationGracePeriodSeconds - 2

It is a warning if the delay is set on the Ingress or the Service, since requests are then expected to take that long; with the default it is an info.
",
    sources: &[
        "aws/aws-eks-best-practices, `networking/loadbalancing/loadbalancing.adoc`: the grace period is longer than the deregistration delay",
        "botocore, elbv2: 300 s by default",
    ],
    bad: &[Example { name: "feed.yaml", text: include_str!("../../fixtures/K007/bad.yaml") }],
    good: &[Example { name: "feed.yaml", text: include_str!("../../fixtures/K007/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(&grace) = workload.grace.value() else { continue };
        for route in workload.routes.iter().filter(|route| sends_to_pods(route.kind)) {
            let Some(deregistration) = &route.deregistration else { continue };
            let Some(&delay) = deregistration.value().filter(|delay| **delay > grace.saturating_sub(MARGIN))
            else {
                continue;
            };
            let severity = if deregistration.is_default() { Severity::Info } else { Severity::Warning };
            let label = if deregistration.is_default() {
                "deregistration delay, default"
            } else {
                "deregistration delay"
            };
            let (place, grace_label) = workload_grace(workload);
            let sum = Sum::new(
                vec![(delay, label.to_owned()), (MARGIN, "margin".to_owned())],
                grace,
                knowledge::grace_label(workload, &workload.grace),
            );
            findings.push(
                Finding::new(
                    &RULE,
                    severity,
                    workload,
                    format!("is killed while {} still waits for its requests", route.name),
                    deregistration.place().unwrap_or(route.place),
                    format!("requests may take {}", show(delay)),
                )
                .also(Some(place), grace_label)
                .sum(&sum)
                .effect("requests that are still in flight at the end of the grace period are reset: clients see 502 or 504")
                .remedy("set the deregistration delay to what the slowest request takes, and the grace period to more than that"),
            );
        }
    }
}

fn sends_to_pods(kind: RouteKind) -> bool {
    matches!(kind, RouteKind::AlbIp | RouteKind::Nlb)
}
