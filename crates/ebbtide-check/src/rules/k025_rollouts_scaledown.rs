use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, Rollout, RouteKind, show};

pub(super) static RULE: Rule = Rule {
    id: "K025",
    name: "rollouts-scaledown",
    severity: Severity::Warning,
    summary: "A blue-green rollout stops the old pods while traffic still flows to them",
    details: "
Argo Rollouts switches the Service to the new pods and stops the old ones after `scaleDownDelaySeconds`, 30 by default. kube-proxies, ingress
controllers and load balancers learn of the switch later, and send new requests to the old pods until then:

    scaleDownDelaySeconds < time of the slowest route

The times of the routes are those of [K006](K006.md). The rule is about a delay that is written.
",
    sources: &[
        "argoproj/argo-rollouts, the page on BlueGreen: the delay, and why it is 30 s",
    ],
    bad: &[Example { name: "rollout.yaml", text: include_str!("../../fixtures/K025/bad.yaml") }],
    good: &[Example { name: "rollout.yaml", text: include_str!("../../fixtures/K025/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Rollout::BlueGreen { scale_down: Declared::Written(delay, place) } = &workload.rollout else {
            continue;
        };
        let route = workload.routes.first();
        // The strategy needs a Service, in the input or not.
        let time = route.map_or(RouteKind::Cluster, |route| route.kind).propagation();
        if *delay >= time {
            continue;
        }
        let name = route.map_or_else(|| "the active Service".to_owned(), |route| route.name.clone());
        let sum =
            Sum::new(vec![(*delay, "scaleDownDelaySeconds".to_owned())], time, format!("time of {name}"));
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                format!("stops the old pods while {name} still sends to them"),
                *place,
                "after the switch",
            )
            .also(route.map(|route| route.place), format!("may send requests for {}", show(time)))
            .sum(&sum)
            .note(format!("{name} needs {} to stop sending requests", show(time)))
            .effect("after each switch some requests reach pods that stop: clients see 502, 503 or connection refused")
            .remedy("remove scaleDownDelaySeconds (30 by default), or set it to that time or more"),
        );
    }
}
