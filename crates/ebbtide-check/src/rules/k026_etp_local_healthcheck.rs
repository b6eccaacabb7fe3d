use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Platform, Project, Workload, show};

pub(super) static RULE: Rule = Rule {
    id: "K026",
    name: "etp-local-healthcheck",
    severity: Severity::Warning,
    summary: "The last pod of a node ends before the load balancer stops sending to the node",
    details: "
With `externalTrafficPolicy: Local` a node takes traffic only for its own pods. The load balancer learns by its health check of the node that the
last one is gone, and sends new connections until then. Pods that are terminating still get them, so that the time before the program stops has to
cover the health check:

    max(preStop, lame duck) < health check interval * unhealthy threshold

The rule is about Services of type LoadBalancer whose annotations set both values of the health check of AWS.
",
    sources: &[
        "kubernetes/enhancements, KEP-1669: terminating endpoints serve while no other endpoint of the node is left",
        "kubernetes-sigs/aws-load-balancer-controller, the annotations of a Service: the health check",
    ],
    bad: &[Example { name: "edge.yaml", text: include_str!("../../fixtures/K026/bad.yaml") }],
    good: &[Example { name: "edge.yaml", text: include_str!("../../fixtures/K026/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        for route in &workload.routes {
            let Some((removal, health_check)) = route.node_removal else { continue };
            let Some(delay) = delay(workload).filter(|delay| *delay < removal) else { continue };
            let sum = Sum::new(
                vec![(delay, "preStop or lame duck".to_owned())],
                removal,
                "health check interval * unhealthy threshold",
            );
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    format!("stops while {} still sends to its node", route.name),
                    health_check,
                    format!("notices after {}", show(removal)),
                )
                .also(Some(workload.place), format!("stops serving after {}", show(delay)))
                .sum(&sum)
                .effect("new connections to a node whose last pod stops are refused or time out")
                .remedy(format!("delay the stop by {} (preStop sleep), or check more often", show(removal))),
            );
        }
    }
}

/// Returns how long the pods serve after the stop began, if that is known.
fn delay(workload: &Workload) -> Option<Duration> {
    let mut longest = match workload.lame_duck() {
        Some(lame_duck) => *lame_duck.value()?,
        None => Duration::ZERO,
    };
    for hook in workload.main().filter_map(|container| container.pre_stop.as_ref()) {
        longest = longest.max(hook.least?.0);
    }
    Some(longest)
}
