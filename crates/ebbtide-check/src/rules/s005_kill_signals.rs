use super::repairs::{remove, set};
use super::signals::{ServerSignal, is_signal, is_unhandled, titled};
use crate::findings::{Example, Finding, Rule, Severity};
use crate::model::{Declared, Platform, Project, Unit, Workload, signal_name};

pub(super) static RULE: Rule = Rule {
    id: "S005",
    name: "kill-signals",
    severity: Severity::Error,
    summary: "The signals of the unit stop the program the wrong way",
    details: "
`KillSignal=SIGKILL` ends the program without a shutdown: an error. `FinalKillSignal=SIGTERM` and `SendSIGKILL=no` leave a program that does
not stop running after the timeout: warnings. So is a name that is no signal, which systemd ignores.

A `KillSignal` that is not the graceful stop of the server in `ExecStart` is a warning; [D007](D007.md) has the table of these servers. Without the key systemd sends SIGTERM,
which is none of most of theirs either: that is an info, since units that distributions ship are like that. Units with `ExecStop` are left out: it stops the server before the signal.
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
        findings.extend(wrong_server_signal(workload, unit));
        if let Some(Declared::Written(signal, place)) = &unit.kill_signal
            && !is_signal(signal)
        {
            let title = format!("has the kill signal {signal}, which is no signal");
            findings.push(
                Finding::new(&RULE, Severity::Warning, workload, title, *place, "ignored")
                    .repair(remove("KillSignal", *place))
                    .effect("systemd ignores the line and sends SIGTERM, which may not be the graceful stop of the program")
                    .remedy("use the signal that the program handles, or remove KillSignal"),
            );
        }
        if let Some(Declared::Written(signal, place)) = &unit.kill_signal
            && is_unhandled(signal)
        {
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Error,
                    workload,
                    format!("is stopped by {}", titled(signal)),
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
            let title = format!("ends with {}, which the program has already not obeyed", titled(signal));
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

/// Returns the finding that the stop signal is not the graceful stop of the server that a unit runs.
fn wrong_server_signal(workload: &Workload, unit: &Unit) -> Option<Finding> {
    let container = workload.containers.first().filter(|_| unit.exec_stop.is_empty())?;
    let (signal, severity, place) = match &unit.kill_signal {
        None => ("SIGTERM", Severity::Info, None),
        Some(Declared::Written(signal, place)) if is_signal(signal) && !is_unhandled(signal) => {
            (signal.as_str(), Severity::Warning, Some(*place))
        }
        Some(_) => return None,
    };
    let found = ServerSignal::of(container, signal)?;
    let (name, own) = (found.server.name, found.server.signal);
    let title = format!("stops {name} by {}, which is not its graceful stop", titled(signal));
    let (label, remedy) = match place {
        Some(_) => ("the stop signal".to_owned(), format!("set KillSignal to {own}")),
        None => (format!("no KillSignal: {signal} by default"), format!("add KillSignal={own}")),
    };
    Some(
        Finding::new(&RULE, severity, workload, title, place.unwrap_or(found.place), label)
            .also(Some(found.place), found.label())
            .repair(place.and_then(|place| set("KillSignal", place, own)))
            .effect(found.server.effect_of(&signal_name(signal)))
            .remedy(remedy),
    )
}
