use crate::findings::{Example, Finding, Rule, Severity, Sum};
use crate::knowledge::{MARGIN, unit_ends_before};
use crate::model::{Declared, Platform, Project, show};

pub(super) static RULE: Rule = Rule {
    id: "Q002",
    name: "unit-kills-podman",
    severity: Severity::Warning,
    summary: "systemd ends the stop of the container before its stop timeout has passed",
    details: "
Podman waits for the container for `StopTimeout`, and systemd waits for Podman for `TimeoutStopSec`, 90 s by default:

    StopTimeout + 2 (margin) > TimeoutStopSec

When `TimeoutStopSec` has passed, systemd kills Podman and every process of the unit, and the container is among them. Some distributions have a shorter default than 90 s
(`DefaultTimeoutStopSec=` in system.conf).
",
    sources: &[
        "podman-systemd.unit(5), StopTimeout=: lower than the timeout of the unit",
        "systemd.service(5), TimeoutStopSec=: for each ExecStop= command",
    ],
    bad: &[Example { name: "orders.container", text: include_str!("../../fixtures/Q002/bad.container") }],
    good: &[Example { name: "orders.container", text: include_str!("../../fixtures/Q002/good.container") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Quadlet).filter(|workload| !workload.is_oneshot) {
        let Some(quadlet) = &workload.quadlet else { continue };
        let (Some(&stop), Some(&limit)) = (workload.grace.value(), quadlet.unit_timeout.value()) else {
            continue;
        };
        if !unit_ends_before(workload, stop) {
            continue;
        }
        let label =
            if quadlet.unit_timeout.is_default() { "TimeoutStopSec, default" } else { "TimeoutStopSec" };
        let name = if workload.grace.is_default() { "StopTimeout, default" } else { "StopTimeout" };
        let sum = Sum::new(vec![(stop, name.to_owned()), (MARGIN, "margin".to_owned())], limit, label);
        let place = quadlet.unit_timeout.place().or(workload.grace.place()).unwrap_or(quadlet.place);
        let said = match &quadlet.unit_timeout {
            Declared::Default(time) => format!("no TimeoutStopSec: {} by default", show(*time)),
            Declared::Written(..) | Declared::Unresolved(_) => "systemd waits no longer than this".to_owned(),
        };
        findings.push(
            Finding::new(
                &RULE,
                Severity::Warning,
                workload,
                "is killed by systemd before Podman has waited for it",
                place,
                said,
            )
            .also(workload.grace.place(), "Podman waits this long")
            .sum(&sum)
            .effect("systemd kills the container with Podman: what it still drains is lost")
            .remedy(format!(
                "set TimeoutStopSec in [Service] to {} or more",
                show(sum.total()).replace(' ', "")
            )),
        );
    }
}
