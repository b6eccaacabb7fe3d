use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "K006",
    name: "drain-delay-short",
    severity: Severity::Warning,
    summary: "The delay before the stop is shorter than the time in which traffic still arrives",
    details: "
A preStop sleep or a lame duck (the annotation `ebbtide.dev/lame-duck`, or the minimum in `EBBTIDE_LAME_DUCK`) bridges the time until the routes no longer lead to the pod. How long that is depends on the route; these
are values that users report, not promises:

| route | time |
|---|---|
| Service, ingress-nginx, Gateway | 5 s |
| AWS ALB with target type `ip` | 15 s |
| AWS NLB with targets in `ip` mode | 120 s |

    0 < max(preStop, lame duck) < time of the slowest route

Without any delay it is K005. The finding prints the time that it assumed.
",
    sources: &[
        "kubernetes-sigs/aws-load-balancer-controller#1064: 5 s are too short for an ALB, 25 s are enough",
        "kubernetes-sigs/aws-load-balancer-controller#2366: two minutes for an NLB, whatever the deregistration delay is",
        "kubernetes/ingress-nginx#3639: 5 s, suggested by the maintainer",
    ],
    bad: &[Example { name: "feed.yaml", text: include_str!("../../fixtures/K006/bad.yaml") }],
    good: &[Example { name: "feed.yaml", text: include_str!("../../fixtures/K006/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes).filter(|workload| !workload.is_batch()) {
        let Some(route) = workload.routes.first() else { continue };
        let propagation = route.kind.propagation();
        let lame_duck = match workload.lame_duck() {
            Some(Declared::Unresolved(_)) => continue,
            Some(lame_duck) => lame_duck.value().copied().zip(lame_duck.place()),
            None => None,
        };
        let hooks: Vec<_> = workload.main().filter_map(|container| container.pre_stop.as_ref()).collect();
        // A hook of unknown length may be long enough.
        if hooks.iter().any(|hook| hook.least.is_none()) {
            continue;
        }
        let longest =
            hooks.iter().filter_map(|hook| hook.least).chain(lame_duck).max_by_key(|(time, _)| *time);
        let Some((delay, place)) = longest.filter(|(delay, _)| !delay.is_zero() && *delay < propagation)
        else {
            continue;
        };
        let label = if hooks.iter().any(|hook| hook.least.is_some_and(|least| least.1 == place)) {
            "preStop"
        } else {
            "lame duck"
        };
        let sum = Sum::new(vec![(delay, label.to_owned())], propagation, format!("time of {}", route.name));
        findings.push(
            Finding::new(&RULE, Severity::Warning, workload, format!("stops while {} still sends requests", route.name), place, "not long enough")
                .also(Some(route.place), format!("may send requests for {}", show(propagation)))
                .sum(&sum)
                .note(format!("{} needs {} to stop sending requests", route.name, show(propagation)))
                .effect("during each rollout some new connections are refused: clients see 502, 503 or connection refused")
                .remedy(format!("wait for {} or longer before the program stops, and raise the grace period by as much", show(propagation))),
        );
    }
}
