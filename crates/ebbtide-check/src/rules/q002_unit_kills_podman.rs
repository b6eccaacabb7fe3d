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

For the pods of a `.kube` unit `terminationGracePeriodSeconds` takes the place of `StopTimeout`: Podman waits for them in `podman kube down`, the `ExecStopPost=` of the unit, which
systemd ends after `TimeoutStopSec` too.
",
    sources: &[
        "podman-systemd.unit(5), StopTimeout=: lower than the timeout of the unit",
        "systemd.service(5), TimeoutStopSec=: for each ExecStop= command",
        "systemd/systemd, `src/core/service.c`, `service_enter_stop_post`: ExecStopPost= has the same timeout",
        "containers/podman, `pkg/systemd/quadlet/quadlet.go`: ExecStopPost of a .kube unit is `podman kube down`",
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
        let own = workload.grace_name();
        let name = if workload.grace.is_default() { format!("{own}, default") } else { own.to_owned() };
        let sum = Sum::new(vec![(stop, name), (MARGIN, "margin".to_owned())], limit, label);
        let place = quadlet.unit_timeout.place().or(workload.grace.place()).unwrap_or(quadlet.place);
        let said = match &quadlet.unit_timeout {
            Declared::Default(time) => format!("no TimeoutStopSec: {} by default", show(*time)),
            Declared::Written(..) | Declared::Unresolved(_) => "systemd waits no longer than this".to_owned(),
        };
        let effect = if workload.is_played() {
            "systemd ends `podman kube down` while that still waits for the pod, and the unit has failed: what the pod still drains may be lost"
        } else {
            "systemd kills the container with Podman: what it still drains is lost"
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
            .effect(effect)
            .remedy(format!(
                "set TimeoutStopSec in [Service] to {} or more",
                show(sum.total()).replace(' ', "")
            )),
        );
    }
}
