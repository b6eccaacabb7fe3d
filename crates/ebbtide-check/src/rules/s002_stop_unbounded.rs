use super::repairs::raise_grace;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, UNBOUNDED};

pub(super) static RULE: Rule = Rule {
    id: "S002",
    name: "stop-unbounded",
    severity: Severity::Warning,
    summary: "The unit has no limit for its stop",
    details: "
`TimeoutStopSec=infinity` and `TimeoutStopSec=0` turn the limit off, and so do the same values of `TimeoutSec`. A program that hangs then
hangs the stop of the unit, and the shutdown of the machine until its own limit.
",
    sources: &[
        "systemd.service(5), TimeoutStopSec=",
        "systemd/systemd, `src/core/load-fragment.c`: 0 means no limit",
    ],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S002/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S002/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd).filter(|workload| !workload.is_oneshot) {
        let Declared::Written(UNBOUNDED, place) = &workload.grace else { continue };
        let container = workload.containers.first();
        findings.push(
            Finding::new(&RULE, Severity::Warning, workload, "may take for ever to stop", *place, "no limit")
                .effect(
                    "a program that hangs keeps the unit, updates and the shutdown of the machine waiting",
                )
                .repair(container.and_then(|container| raise_grace(workload, container)))
                .remedy("set TimeoutStopSec to the drain and 2 s more"),
        );
    }
}
