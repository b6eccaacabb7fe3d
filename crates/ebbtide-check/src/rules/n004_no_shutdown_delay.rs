use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "N004",
    name: "no-shutdown-delay",
    severity: Severity::Warning,
    summary: "A task is stopped while others still find it in service discovery",
    details: "
Nomad takes a service out of the catalogue and then sends the kill signal, without a pause unless `shutdown_delay` is set. Proxies and clients learn of
the change later, and send new requests until then:

    shutdown_delay (group) + shutdown_delay (task) + lame duck < 5

5 s are what this check assumes of a proxy that watches the catalogue. A program that keeps accepting after the signal declares that with
`meta = { \"ebbtide.dev/lame-duck\" = \"10s\" }`, or with the variable `EBBTIDE_LAME_DUCK`. It is a warning if a tag of the service makes a proxy route it (`traefik.…`, `urlprefix-…`), and an info
otherwise, since 98 of 100 public jobs have no delay.
",
    sources: &["hashicorp/nomad, `client/allocrunner/group_service_hook.go`: deregistration, then the delay"],
    bad: &[Example { name: "shop.nomad.hcl", text: include_str!("../../fixtures/N004/bad.hcl") }],
    good: &[Example { name: "shop.nomad.hcl", text: include_str!("../../fixtures/N004/good.hcl") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Nomad).filter(|workload| !workload.is_oneshot) {
        let Some(route) = workload.routes.first() else { continue };
        let Some(&delay) = workload.shutdown_delay.value() else { continue };
        let needed = route.kind.propagation();
        // The program serves on after the delay.
        let lame_duck = match workload.lame_duck() {
            Some(Declared::Unresolved(_)) => continue,
            Some(lame_duck) => lame_duck.value().copied().unwrap_or_default(),
            None => Duration::ZERO,
        };
        if delay.saturating_add(lame_duck) >= needed || workload.replicas.value() == Some(&0) {
            continue;
        }
        let severity = if route.kind.is_external() { Severity::Warning } else { Severity::Info };
        let place = workload.shutdown_delay.place();
        let label = match &workload.shutdown_delay {
            Declared::Default(_) => "no shutdown_delay".to_owned(),
            _ => format!("stops after {}", show(delay)),
        };
        let mut terms = vec![(delay, "shutdown_delay".to_owned()), (lame_duck, "lame duck".to_owned())];
        terms.retain(|(time, label)| !time.is_zero() || label == "shutdown_delay");
        let sum = Sum::new(terms, needed, format!("time of {}", route.name));
        findings.push(
            Finding::new(
                &RULE,
                severity,
                workload,
                format!("is stopped while {} is still found", route.name),
                place.unwrap_or(workload.place),
                label,
            )
            .also(Some(route.place), format!("may be sent requests for {}", show(needed)))
            .sum(&sum)
            .note(format!("what uses {} needs {} to learn of the change", route.name, show(needed)))
            .effect(
                "at each deployment some new connections are refused: clients see 502 or connection refused",
            )
            .remedy(format!(
                "set shutdown_delay = \"{}\" in the group, or declare that the program keeps accepting",
                show(needed).replace(' ', "")
            )),
        );
    }
}
