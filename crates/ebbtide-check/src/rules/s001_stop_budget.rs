use super::overrun::overrun;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, number};

pub(super) static RULE: Rule = Rule {
    id: "S001",
    name: "stop-budget",
    severity: Severity::Error,
    summary: "The drain does not fit in the stop timeout of the unit",
    details: "
systemd sends SIGTERM and kills the processes after `TimeoutStopSec`, 90 s by default:

    drain + 2 (margin) > TimeoutStopSec

The drain time has to be declared: by the key `X-EbbtideDrain=20s` in `[Service]`, which systemd ignores, or by a flag or a variable of a
known server. Drop-ins (`orders.service.d/*.conf`) are applied. If only the default of a known server is known, the finding is an info.
",
    sources: &[
        "systemd.service(5), TimeoutStopSec=",
    ],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S001/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S001/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd) {
        findings.extend(workload.containers.iter().filter_map(|container| {
            overrun(&RULE, workload, container, |budget| {
                format!("set TimeoutStopSec to at least {}, or shorten the drain", number(budget.needed))
            })
        }));
    }
}
