use std::time::Duration;

use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::model::{Declared, Platform, Project, UNBOUNDED, seconds, show};

pub(super) static RULE: Rule = Rule {
    id: "Q003",
    name: "unit-timeout-alone",
    severity: Severity::Warning,
    summary: "The unit waits longer for a container that Podman kills after 10 s",
    details: "
`TimeoutStopSec` of a Quadlet is how long systemd waits for Podman. Podman itself kills the container after `StopTimeout`, 10 s by default:

    TimeoutStopSec > StopTimeout (10 by default)

It is a warning if the timeout of the unit is above systemd's default of 90 s or unlimited, since a longer stop is then intended, and an info below that. Containers whose drain
time is declared are left to [Q001](Q001.md). For the pods of a `.kube` unit `terminationGracePeriodSeconds` takes the place of `StopTimeout`.
",
    sources: &[
        "containers/podman#21134: with TimeoutStopSec alone the container is still killed after 10 s",
        "podman-systemd.unit(5): StopTimeout=",
    ],
    bad: &[Example { name: "cloud.container", text: include_str!("../../fixtures/Q003/bad.container") }],
    good: &[Example { name: "cloud.container", text: include_str!("../../fixtures/Q003/good.container") }],
    check,
};

/// The timeout of a unit that does not set one.
const UNIT: Duration = seconds(90);

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Quadlet).filter(|workload| !workload.is_oneshot) {
        let (Some(quadlet), Declared::Default(stop)) = (&workload.quadlet, &workload.grace) else { continue };
        let Declared::Written(limit, place) = &quadlet.unit_timeout else { continue };
        let is_declared = workload
            .containers
            .iter()
            .filter_map(|container| workload.drain_of(container))
            .any(|drain| drain.is_declared);
        if limit <= stop || is_declared {
            continue;
        }
        let severity = if *limit > UNIT { Severity::Warning } else { Severity::Info };
        let name = workload.grace_name();
        let sum = Sum::new(vec![(*limit, "TimeoutStopSec".to_owned())], *stop, format!("{name}, default"));
        let whose = if workload.is_played() { "of the pod" } else { "in [Container]" };
        let remedy = if *limit == UNBOUNDED {
            format!("set {name} {whose} to what the program needs")
        } else {
            let most = show(limit.saturating_sub(seconds(2))).replace(" s", "");
            format!("set {name} {whose} to what the program needs, at most {most}")
        };
        let place_without = if workload.is_played() { workload.place } else { quadlet.place };
        findings.push(
            Finding::new(
                &RULE,
                severity,
                workload,
                format!("is killed after {}, not after the timeout of its unit", show(*stop)),
                *place,
                "is for Podman, not for the container",
            )
            .also(Some(place_without), format!("no {name}: {} by default", show(*stop)))
            .sum(&sum)
            .effect("what the program still finishes or flushes is lost, although the unit gives it the time")
            .remedy(remedy),
        );
    }
}
