use super::repairs::remove;
use super::words::is_unhandled;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project};

pub(super) static RULE: Rule = Rule {
    id: "S005",
    name: "kill-signals",
    severity: Severity::Error,
    summary: "The signals of the unit stop the program the wrong way",
    details: "
`KillSignal=SIGKILL` ends the program without a shutdown: an error. `FinalKillSignal=SIGTERM` and `SendSIGKILL=no` leave a program that does
not stop running after the timeout: warnings.
",
    sources: &[
        "systemd.kill(5), KillSignal=, FinalKillSignal=, SendSIGKILL=",
    ],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S005/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S005/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd) {
        let Some(unit) = &workload.unit else { continue };
        let left = "a program that hangs goes on without systemd: the next start fails or runs beside it";
        if let Some(Declared::Written(signal, place)) = &unit.kill_signal
            && is_unhandled(signal)
        {
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    format!("is stopped by {signal}"),
                    *place,
                    "cannot be handled",
                )
                .repair(remove("KillSignal", *place))
                .effect("each stop is a crash: requests in flight are reset, and nothing is flushed")
                .remedy(
                    "remove KillSignal (SIGTERM is the default), or use the signal that the program handles",
                ),
            );
        }
        if let Some(Declared::Written(signal, place)) = &unit.final_kill_signal
            && !is_unhandled(signal)
        {
            let title = format!("ends with {signal}, which the program has already not obeyed");
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, title, *place, "after the timeout")
                    .effect(left)
                    .remedy("remove FinalKillSignal"),
            );
        }
        if let Some(place) = unit.without_sigkill {
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    "is never killed",
                    place,
                    "no SIGKILL after the timeout",
                )
                .effect(left)
                .remedy("remove SendSIGKILL"),
            );
        }
    }
}
