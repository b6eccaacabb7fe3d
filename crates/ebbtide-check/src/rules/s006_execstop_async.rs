use super::signals::server;
use crate::findings::{Example, Finding, Rule, Severity};
use crate::knowledge::Script;
use crate::model::{Command, Declared, Platform, Project, signal_name};

pub(super) static RULE: Rule = Rule {
    id: "S006",
    name: "execstop-async",
    severity: Severity::Warning,
    summary: "The stop command returns before the program has stopped",
    details: "
systemd sends the kill signal to what is left as soon as the commands of `ExecStop=` have exited. A command that sends a signal and returns,
such as `kill $MAINPID`, is therefore followed by SIGTERM at once: with another signal the graceful stop that it asked for becomes an
ordinary one, and with the same signal many programs stop immediately at the second one. The signal of `KillSignal=` then does the same alone, if it is that of the graceful stop of the
program: SIGQUIT for nginx and php-fpm, whose SIGTERM is the fast stop.

The commands run one after the other, so that one that another kind of command follows is left out: `tail --pid=$MAINPID -f /dev/null` waits for the program.

A unit with `KillSignal=SIGCONT` is left out: that changes nothing in a program that runs, so that systemd waits for the one that `ExecStop=` has asked
to stop, up to `TimeoutStopSec`. The units of Apache in Fedora and RHEL are like that. So is a unit whose `KillSignal=` is the graceful stop of its server.
",
    sources: &[
        "systemd.service(5), ExecStop=: the command should be synchronous",
    ],
    bad: &[Example { name: "orders.service", text: include_str!("../../fixtures/S006/bad.service") }],
    good: &[Example { name: "orders.service", text: include_str!("../../fixtures/S006/good.service") }],
    check,
};

fn check(project: &Project, findings: &mut Vec<Finding>) {
    for workload in project.on(Platform::Systemd) {
        let Some(unit) = &workload.unit else { continue };
        let signal = match &unit.kill_signal {
            None => "TERM".to_owned(),
            Some(Declared::Written(signal, _)) => signal_name(signal),
            Some(_) => continue,
        };
        let server = workload.containers.first().and_then(server);
        let is_own = server.as_ref().is_some_and(|found| signal_name(found.server.signal) == signal);
        // A program that runs is not changed by SIGCONT, nor by the signal of the stop that it has begun.
        if signal == "CONT" || is_own && signal != "TERM" {
            continue;
        }
        // They run one after the other: one that may wait delays the kill signal for those before it too.
        let after_waits = unit.exec_stop.iter().rposition(|command| !is_async(command));
        for command in unit.exec_stop.iter().skip(after_waits.map_or(0, |at| at.saturating_add(1))) {
            let effect = match &server {
                Some(found) => found.server.effect_of(&signal),
                None => "the second signal ends the drain: requests in flight are reset".to_owned(),
            };
            let remedy = match &server {
                Some(found) => {
                    format!(
                        "remove ExecStop, and set KillSignal={}, the graceful stop of {}",
                        found.server.signal, found.server.name
                    )
                }
                None => "remove ExecStop, and set KillSignal to the signal that it sends".to_owned(),
            };
            findings.push(
                Finding::new(
                    &RULE,
                    Severity::Warning,
                    workload,
                    "is signalled twice at each stop",
                    command.place,
                    "returns at once",
                )
                .effect(effect)
                .remedy(remedy),
            );
        }
    }
}

/// Returns whether a stop command sends a signal and returns.
fn is_async(command: &Command) -> bool {
    let is_signal = |program: Option<&str>| matches!(program, Some("kill" | "pkill" | "killall"));
    match command.script() {
        Some(script) => {
            Script::read(&script.text).commands.last().is_some_and(|last| is_signal(last.program()))
        }
        None => is_signal(command.program()),
    }
}
