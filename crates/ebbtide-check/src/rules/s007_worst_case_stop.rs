use super::words::workload_grace;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Platform, Project, UNBOUNDED, number, show};

pub(super) static RULE: Rule = Rule {
    id: "S007",
    name: "worst-case-stop",
    severity: Severity::Info,
    summary: "The stop of the unit may take several times its timeout",
    details: "
`TimeoutStopSec` applies to each command of `ExecStop=` and again to the wait for the processes:

    (commands + 1) * TimeoutStopSec

The finding is about units with stop commands, since the sum is seldom what the value suggests.
",
    sources: &["systemd.service(5), TimeoutStopSec=: the limit of each ExecStop= command"],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S007/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S007/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd) {
        let (Some(unit), Some(&limit)) = (&workload.unit, workload.grace.value()) else { continue };
        let Some(first) = unit.exec_stop.first().filter(|_| limit != UNBOUNDED) else { continue };
        let times = u32::try_from(unit.exec_stop.len()).unwrap_or(u32::MAX).saturating_add(1);
        let total = limit.saturating_mul(times);
        let (place, label) = workload_grace(workload);
        let mut finding = Finding::new(
            &RULE,
            Severity::Info,
            workload,
            format!("may take {} to stop", show(total)),
            first.place,
            "has the timeout for itself",
        )
        .also(Some(place), label)
        .effect("the shutdown of the machine may take that long, or ends the unit earlier by its own limit")
        .remedy("set TimeoutStopSec so that the product is what you allow");
        finding.arithmetic = Some(format!(
            "{times} (commands and the wait) * {} (TimeoutStopSec) = {}",
            number(limit),
            number(total)
        ));
        findings.push(finding);
    }
}
