use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, RouteKind};

pub(super) static RULE: Rule = Rule {
    id: "K008",
    name: "alb-readiness-gate",
    severity: Severity::Warning,
    summary: "New pods count as ready before the load balancer sends to them",
    details: "
With targets in `ip` mode a rollout goes on when the new pods are ready in Kubernetes, although the load balancer may still register
them. The old pods are then stopped, and the target group has only targets that are in registration or draining. The AWS load balancer
controller adds a readiness gate to pods in namespaces with the label `elbv2.k8s.aws/pod-readiness-gate-inject: enabled`.

It is a warning if the namespace is in the input without the label. If the namespace is not in the input it is an info.
",
    sources: &[
        "kubernetes-sigs/aws-load-balancer-controller, pod_readiness_gate.md",
    ],
    bad: &[Example { name: "feed.yaml", text: include_str!("../../fixtures/K008/bad.yaml") }],
    good: &[Example { name: "feed.yaml", text: include_str!("../../fixtures/K008/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(route) = workload.routes.iter().find(|route| route.kind == RouteKind::AlbIp) else {
            continue;
        };
        let severity = match route.has_readiness_gate {
            Some(true) => continue,
            Some(false) => Severity::Warning,
            None => Severity::Info,
        };
        let mut finding = Finding::new(
            &RULE,
            severity,
            workload,
            "counts as ready before the load balancer sends to it",
            workload.place,
            "no readiness gate of the load balancer",
        )
        .also(Some(route.place), "targets in ip mode")
        .effect("during a rollout the load balancer may have no healthy target: clients see 502 or 503")
        .remedy("label the namespace with elbv2.k8s.aws/pod-readiness-gate-inject: enabled");
        if severity == Severity::Info {
            finding = finding.note("the namespace, which is not in the input, does not have the label");
        }
        findings.push(finding);
    }
}
