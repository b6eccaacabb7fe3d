use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Container, Declared, Platform, PreStopAction, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "K005",
    name: "no-drain-delay",
    severity: Severity::Warning,
    summary: "A routed pod receives SIGTERM while traffic still flows to it",
    details: "
Kubernetes sends SIGTERM and removes the pod from the endpoints at the same time, without an order. kube-proxies, ingress controllers
and load balancers learn of it later, and send new requests until then. A program that stops accepting at once refuses them. A
preStop sleep delays SIGTERM until the routes have changed; a program that keeps accepting after SIGTERM (a lame duck) needs none.

The rule is about workloads that a Service selects, without a preStop hook (a sleep of 0 s is none), without a lame duck (the annotation `ebbtide.dev/lame-duck` or the variable
`EBBTIDE_LAME_DUCK`; a service with `EBBTIDE_GRACE` alone has the library's minimum of 5 s, which is enough where the routes need no longer), and without a flag that
makes a known program keep accepting (Traefik's `requestAcceptGraceTimeout`, `--shutdown-delay-duration` of Kubernetes API servers). It is
a warning if an Ingress, a route of the Gateway API or a Service of type LoadBalancer leads to them. It is an info if only a Service
does, since 97 of 100 public manifests have no hook, and many programs keep accepting.
",
    sources: &[
        "kubernetes/website, `content/en/docs/concepts/workloads/pods/pod-lifecycle.md`: endpoints change at the same time",
        "kubernetes-sigs/aws-load-balancer-controller#1064 and kubernetes/ingress-nginx#3639: errors during rolling updates",
    ],
    bad: &[Example { name: "shop.yaml", text: include_str!("../../fixtures/K005/bad.yaml") }],
    good: &[Example { name: "shop.yaml", text: include_str!("../../fixtures/K005/good.yaml") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Kubernetes) {
        let Some(route) = workload.routes.first() else { continue };
        let needed = route.kind.propagation();
        let lame_duck = workload.lame_duck();
        let has_delay = lame_duck.is_some_and(|lame_duck| delays(lame_duck, needed))
            || workload.main().any(|container| has_delaying_hook(container) || keeps_accepting(container));
        let serves = workload.replicas.value() != Some(&0) && !workload.is_batch();
        // Without a grace period there is nothing to delay: K004.
        if has_delay || !serves || workload.grace.value().is_some_and(Duration::is_zero) {
            continue;
        }
        let is_external = workload.routes.iter().any(|route| route.kind.is_external());
        let severity = if is_external { Severity::Warning } else { Severity::Info };
        let delay = show(needed);
        let mut hooks = workload.main().filter_map(|container| container.pre_stop.as_ref());
        let hook = hooks.next();
        let declared = if hook.is_some() { "a preStop sleep of zero" } else { "no preStop hook" };
        let declared = match lame_duck {
            Some(Declared::Default(time)) => {
                format!("{declared}, and a lame duck of {} by default", show(*time))
            }
            Some(_) => format!("{declared}, and a lame duck of zero"),
            None => format!("{declared}, and no lame duck declared"),
        };
        findings.push(
            Finding::new(
                &RULE,
                severity,
                workload,
                format!("receives SIGTERM while {} still sends requests", route.name),
                hook.map_or(workload.place, |hook| hook.place),
                declared,
            )
            .also(Some(route.place), format!("may send requests for {delay} after the stop began"))
            .note(match lame_duck {
                Some(Declared::Default(time)) => format!("{} needs {delay} to stop sending; the program accepts for {}, the default of Ebbtide", route.name, show(*time)),
                _ => format!("{} needs {delay} to stop sending; the program stops accepting at SIGTERM", route.name),
            })
            .effect("during each rollout some new connections are refused: clients see 502, 503 or connection refused")
            .remedy(format!(
                "add `lifecycle: {{preStop: {{sleep: {{seconds: {}}}}}}}`, or declare that the program keeps accepting with the \
                 annotation ebbtide.dev/lame-duck or, for a service built with Ebbtide, EBBTIDE_LAME_DUCK",
                delay.trim_end_matches(" s")
            )),
        );
    }
}

/// Returns whether a lame duck delays the stop. One that is declared and too short is K006.
fn delays(lame_duck: &Declared<Duration>, needed: Duration) -> bool {
    match lame_duck {
        Declared::Written(time, _) => !time.is_zero(),
        Declared::Default(time) => *time >= needed,
        Declared::Unresolved(_) => true,
    }
}

/// Returns whether a hook delays the stop. One of unknown length may, and one that is too short is K006.
fn has_delaying_hook(container: &Container) -> bool {
    container.pre_stop.as_ref().is_some_and(|hook| {
        let is_sleep = match &hook.action {
            PreStopAction::Sleep => true,
            PreStopAction::Exec(command) => command.program() == Some("sleep"),
            PreStopAction::Network => false,
        };
        !is_sleep || hook.least.is_none_or(|(time, _)| !time.is_zero())
    })
}

/// Returns whether a flag makes a known program accept requests for some time after SIGTERM.
fn keeps_accepting(container: &Container) -> bool {
    container.words().iter().any(|word| {
        let text = word.text.to_ascii_lowercase();
        text.contains("transport.lifecycle.requestacceptgracetimeout=")
            || text.starts_with("--shutdown-delay-duration=")
    })
}
