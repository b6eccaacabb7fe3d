//! What the process did at the stop signal, and at a second one.

use std::time::Duration;

use super::exit_code::text;
use crate::clock::At;
use crate::record::{Ended, PreStopEnd, PreStopRun, Record};
use crate::scenario::{SecondSignal, StopAt};
use crate::verdict::blame::Blame;
use crate::verdict::case::Case;
use crate::verdict::fate::Fate;
use crate::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

/// A process that still answers this long after the signal was not ended by its default action.
const OUTLIVED: Duration = Duration::from_millis(100);

/// One that has a handler and ends by the signal within this time may have done nothing else: on a busy machine its end is seen late.
const AT_ONCE: Duration = Duration::from_millis(250);

/// Does the process handle the stop signal? What happened decides; what `/proc` said before is a hint.
///
/// A handler that `/proc` shows is no proof: Node installs one in every program, which raises the signal again at once.
pub(in crate::verdict) fn signal_handled(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::SignalHandled, finding, evidence);
    let name = terms.signal.name();
    let Some((at, ended)) = record.exit else {
        return found(Finding::Fail, format!("{name} had no effect"));
    };
    if matches!(record.pre_stop, Some(PreStopRun { end: PreStopEnd::ServiceEnded, .. })) {
        return found(Finding::Skipped, format!("preStop ended the process: no {name} was sent"));
    }
    let after = words::time(at.since(record.signalled));
    let hint = record.signal_state;
    let is_unhandled = hint.is_some_and(|state| !state.caught && !state.blocked && !state.ignored);
    let no_end = terms.signal.without_handler().filter(|_| is_unhandled);
    if record.killed.is_some() {
        if let Some(what) = no_end {
            let evidence = format!("no handler for {name}, {what}; it ran until SIGKILL");
            return found(Finding::Fail, evidence).hint(handler_hint(&name));
        }
        return match hint {
            Some(state) if state.ignored => {
                found(Finding::Fail, format!("the process ignores {name}; it ran until SIGKILL"))
                    .hint(handler_hint(&name))
            }
            Some(state) if state.pid_one && !state.caught && !state.blocked => found(
                Finding::Fail,
                format!("{name} had no effect: the process is PID 1 without a handler and ran until SIGKILL"),
            )
            .hint(format!("{}; {INIT}", handler_hint(&name))),
            // Without a handler the default action would have ended it.
            _ => found(Finding::Pass, format!("{name} did not end the process by its default action")),
        };
    }
    if let Some((then, sent)) = ended_by_second(record, terms) {
        let (then, gap) = (then.signal.name(), words::time(sent.since(record.signalled)));
        return found(Finding::Pass, format!("the process handled {name}; {then} {gap} later ended it"));
    }
    let has_handler = hint.is_some_and(|state| state.caught || state.blocked);
    if ended == Ended::NotObserved {
        return match has_handler || answered_late(case, at) {
            false => found(
                Finding::Fail,
                format!("no handler for {name} in /proc, and the process ended {after} after it"),
            )
            .hint(handler_hint(&name)),
            true if at.since(record.signalled) >= AT_ONCE || answered_late(case, at) => {
                found(Finding::Pass, format!("the process handled {name}, and ended {after} after it"))
            }
            true => found(
                Finding::Inconclusive,
                format!(
                    "the process has a handler for {name}, and ended {after} after it; how was not observed"
                ),
            ),
        };
    }
    if !is_end_by(ended, terms.signal.number()) {
        return found(Finding::Pass, format!("the process ended by itself {after} after {name}"));
    }
    let outlived = at.since(record.signalled) >= AT_ONCE;
    if has_handler && outlived || answered_late(case, at) {
        return found(
            Finding::Pass,
            match ended {
                Ended::Signal(_) => format!("the process handled {name}, and then ended by it after {after}"),
                Ended::Code(_) | Ended::NotObserved => {
                    format!("the process handled {name}, and ended by itself after {after}")
                }
            },
        );
    }
    let how = match (ended, has_handler) {
        (Ended::Signal(_), false) => format!("no handler for {name}: its default action ended the process"),
        (Ended::Signal(_), true) => format!("the handler for {name} ended the process by the signal at once"),
        (Ended::Code(code), _) => {
            format!("exit code {code}: {name} ended the process, or the one that it waits for")
        }
        (Ended::NotObserved, _) => text(ended),
    };
    if terms.expected.iter().any(|expected| expected.0 == ended) {
        return found(Finding::Pass, format!("{how} after {after}, which is an expected exit"));
    }
    if terms.at == StopAt::Startup {
        let first = "; as PID 1 of a container it would run on until SIGKILL";
        let first = if has_handler { "" } else { first };
        return found(Finding::Pass, format!("{how} after {after}: nothing was lost during start-up{first}"));
    }
    let hint = match (ended, has_handler) {
        (Ended::Signal(_), true) => format!(
            "the handler may be that of the runtime, as Python has one for SIGINT and Node for SIGTERM: install one of the program for {name}, \
             which finishes what is in flight"
        ),
        _ => handler_hint(&name),
    };
    found(Finding::Fail, format!("{how} after {after}")).hint(hint)
}

/// Was nothing lost because of the second signal?
pub(in crate::verdict) fn second_signal(case: &Case<'_>, then: &SecondSignal) -> Check {
    let record = case.record;
    let found = |finding, evidence: String| Check::new(CheckId::SecondSignal, finding, evidence);
    let name = then.signal.name();
    let Some(sent) = record.second_signal else {
        let due = words::limit(then.after);
        return found(
            Finding::Inconclusive,
            format!("no {name} was sent: the process had ended when it was due, {due} after the signal"),
        )
        .hint("--then-signal SIGNAL@TIME sends it earlier; a slow route (--url slow=…) keeps the process");
    };
    let at = record.offset(sent);
    let seen = match record.exit {
        Some((exit, ended)) => {
            format!(
                "{name} at {at}; the process ended {} after it: {}",
                words::time(exit.since(sent)),
                text(ended)
            )
        }
        None => format!("{name} at {at}; the process did not end"),
    };
    let lost = case.groups.iter().filter(|group| group.second && group.blame == Blame::Shutdown);
    let lost: Vec<String> = lost.map(|group| group.sentence(record)).collect();
    if lost.is_empty() {
        return found(Finding::Pass, format!("{seen}; nothing was lost after it"));
    }
    found(Finding::Fail, format!("{seen}\n{}", lost.join("\n")))
        .hint("a second signal that ends the process loses what is in flight: ignore it where the platform or a wrapper repeats signals")
}

/// Returns whether `ended` is the end of a process by `signal`: by the signal itself, or with the exit code by which a shell, tini or
/// npm report the end of their child.
pub(in crate::verdict) fn is_end_by(ended: Ended, signal: i32) -> bool {
    ended == Ended::Signal(signal) || ended == Ended::Code(signal.saturating_add(128))
}

/// Returns the second signal and when it was sent, if it ended the process.
pub(super) fn ended_by_second<'a>(record: &Record, terms: &'a Terms) -> Option<(&'a SecondSignal, At)> {
    let (then, sent, (exit, ended)) = (terms.then.as_ref()?, record.second_signal?, record.exit?);
    (exit >= sent && is_end_by(ended, then.signal.number())).then_some((then, sent))
}

/// What an init process as PID 1 changes, and what not.
pub(in crate::verdict) const INIT: &str = "tini (`docker run --init`) as PID 1 ends a process without a handler at once, which is sooner and as lossy";

fn handler_hint(name: &str) -> String {
    format!("install a handler for {name}; a wrapper script has to `exec` the service or forward the signal")
}

/// Returns whether the process answered a request that was sent well after the signal, before its exit. A response after the exit
/// comes from another process that it left behind.
fn answered_late(case: &Case<'_>, exit: At) -> bool {
    let late = case.record.signalled + OUTLIVED;
    case.requests.iter().any(|judged| {
        judged.fate == Fate::Answered && judged.request.begun >= late && judged.request.ended <= exit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Close, Outcome, SignalState};
    use crate::scenario::{Expected, StopSignal};
    use crate::verdict::judge;
    use crate::verdict::samples::{found, good, request, terms};

    fn ended(after_ms: u64, ended: Ended, caught: bool) -> Record {
        let mut record = good();
        record.traffic.requests.retain(|request| request.begun <= record.signalled);
        record.exit = Some((record.signalled + Duration::from_millis(after_ms), ended));
        record.signal_state = Some(SignalState { caught, blocked: false, ignored: false, pid_one: false });
        record
    }

    #[test]
    fn a_handler_that_raises_the_signal_again_at_once_handles_nothing() {
        for (after_ms, end, caught, finding, evidence) in [
            // Node without a handler of the program.
            (
                2,
                Ended::Signal(15),
                true,
                Finding::Fail,
                "the handler for SIGTERM ended the process by the signal at once",
            ),
            // The same behind tini or npm.
            (
                2,
                Ended::Code(143),
                true,
                Finding::Fail,
                "exit code 143: SIGTERM ended the process, or the one that it waits for",
            ),
            (2, Ended::Signal(15), false, Finding::Fail, "no handler for SIGTERM"),
            // uvicorn and the JVM: they handle the signal first.
            (300, Ended::Signal(15), true, Finding::Pass, "handled SIGTERM, and then ended by it"),
            (300, Ended::Code(143), true, Finding::Pass, "handled SIGTERM, and ended by itself"),
            (2, Ended::Code(0), true, Finding::Pass, "ended by itself"),
            (2, Ended::Code(130), true, Finding::Pass, "ended by itself"),
        ] {
            let check = found(CheckId::SignalHandled, &ended(after_ms, end, caught), &terms());
            assert!(check.verdict == finding && check.evidence.contains(evidence), "{end}: {check:?}");
            // What has a handler is not told to have one.
            let hint = check.hint.unwrap_or_default();
            let has_own = evidence.starts_with("the handler for SIGTERM");
            assert_eq!(hint.starts_with("the handler may be that of the runtime"), has_own, "{hint}");
        }
        let terms = Terms { expected: vec![Expected(Ended::Signal(15))], ..terms() };
        let check = found(CheckId::SignalHandled, &ended(2, Ended::Signal(15), true), &terms);
        assert!(
            check.verdict == Finding::Pass && check.evidence.ends_with("which is an expected exit"),
            "{check:?}"
        );
    }

    /// Ended by SIGINT 100 ms after it, which came 300 ms after the signal; a request of then was lost.
    fn twice() -> (Record, Terms) {
        let mut record = good();
        record.second_signal = Some(record.signalled + Duration::from_millis(300));
        record.exit = Some((record.signalled + Duration::from_millis(400), Ended::Signal(2)));
        let lost = Outcome::Unanswered { close: Close::Reset };
        record.traffic.requests.retain(|request| request.outcome != Outcome::Refused);
        record.traffic.requests.push(request(1_399_000, lost));
        let then = SecondSignal { signal: StopSignal::INT, after: Duration::from_millis(300) };
        (record, Terms { then: Some(then), ..terms() })
    }

    #[test]
    fn what_is_lost_after_the_second_signal_is_apart() {
        let (record, terms) = twice();
        let run = judge(&record, &terms);
        assert_eq!((run.lost_by_shutdown, run.lost_after_second_signal), (1, 1));
        let failed = run.checks.iter().filter(|check| check.verdict == Finding::Fail);
        assert_eq!(
            failed.map(|check| check.id).collect::<Vec<_>>(),
            [CheckId::SecondSignal],
            "{:?}",
            run.checks
        );
        let check = found(CheckId::SecondSignal, &record, &terms);
        assert!(
            check
                .evidence
                .starts_with("SIGINT at +300 ms; the process ended 100 ms after it: ended by SIGINT\n"),
            "{check:?}"
        );
        // The same loss before the second signal is one of the first.
        let later = Record { second_signal: Some(At(1_400_500)), ..record };
        let run = judge(&later, &terms);
        assert_eq!((run.lost_by_shutdown, run.lost_after_second_signal), (1, 0));
        assert_eq!(found(CheckId::RequestsAnswered, &later, &terms).verdict, Finding::Fail);
    }

    #[test]
    fn an_exit_by_the_second_signal_is_expected_only_if_it_was_sent() {
        let (mut record, terms) = twice();
        assert_eq!(found(CheckId::ExitCode, &record, &terms).verdict, Finding::Pass);
        record.second_signal = None;
        assert_eq!(found(CheckId::ExitCode, &record, &terms).verdict, Finding::Fail);
        assert_eq!(found(CheckId::SecondSignal, &record, &terms).verdict, Finding::Inconclusive);
    }

    #[test]
    fn an_end_that_was_not_observed_is_judged_by_what_proc_and_the_clients_saw() {
        for (after_ms, caught, finding, evidence) in [
            (2, false, Finding::Fail, "no handler for SIGTERM in /proc, and the process ended"),
            (2, true, Finding::Inconclusive, "how was not observed"),
            (300, true, Finding::Pass, "handled SIGTERM"),
        ] {
            let record = ended(after_ms, Ended::NotObserved, caught);
            let check = found(CheckId::SignalHandled, &record, &terms());
            assert!(check.verdict == finding && check.evidence.contains(evidence), "{check:?}");
            for id in [CheckId::ExitCode, CheckId::NoKill] {
                let check = found(id, &record, &terms());
                assert!(check.verdict == Finding::Inconclusive, "{check:?}");
                assert!(check.evidence.contains("not observed"), "{check:?}");
            }
        }
        // That this command had to send SIGKILL is known.
        let killed = Record { killed: Some(At(1_500_000)), ..ended(500, Ended::NotObserved, true) };
        for id in [CheckId::ExitInTime, CheckId::NoKill] {
            assert_eq!(found(id, &killed, &terms()).verdict, Finding::Fail, "{id}");
        }
    }

    #[test]
    fn a_process_that_is_pid_1_without_a_handler_has_the_remedy() {
        let pid_one = SignalState { caught: false, blocked: false, ignored: false, pid_one: true };
        let killed = Record {
            killed: Some(At(31_000_000)),
            signal_state: Some(pid_one),
            ..ended(30_000, Ended::Signal(9), false)
        };
        let check = found(CheckId::SignalHandled, &killed, &terms());
        assert!(
            check.verdict == Finding::Fail && check.evidence.contains("is PID 1 without a handler"),
            "{check:?}"
        );
        assert!(check.hint.unwrap().contains("--init"));
        // The opposite: any other process without a handler ends by the signal.
        let other = Record { signal_state: Some(SignalState { pid_one: false, ..pid_one }), ..killed };
        assert_eq!(found(CheckId::SignalHandled, &other, &terms()).verdict, Finding::Pass);
    }

    #[test]
    fn a_signal_that_does_not_end_a_process_without_a_handler_is_no_default_action() {
        let killed =
            |caught| Record { killed: Some(At(31_000_000)), ..ended(30_000, Ended::Signal(9), caught) };
        let by = |signal: &str| Terms { signal: StopSignal::parse(signal).unwrap(), ..terms() };
        for (signal, what) in [("WINCH", "which has no effect"), ("TSTP", "which suspends a process")] {
            let check = found(CheckId::SignalHandled, &killed(false), &by(signal));
            assert!(check.verdict == Finding::Fail && check.evidence.contains(what), "{check:?}");
            let check = found(CheckId::ExitInTime, &killed(false), &by(signal));
            assert!(check.evidence.contains("the process has no handler for the signal"), "{check:?}");
            let check = found(CheckId::SignalHandled, &killed(true), &by(signal));
            assert_eq!(check.verdict, Finding::Pass, "{check:?}");
        }
        assert_eq!(found(CheckId::SignalHandled, &killed(false), &by("RTMIN+3")).verdict, Finding::Pass);
    }

    #[test]
    fn the_default_action_ends_a_process_during_start_up_without_a_loss() {
        let startup = Terms { at: StopAt::Startup, ..terms() };
        let record = ended(2, Ended::Signal(15), false);
        for id in [CheckId::SignalHandled, CheckId::ExitCode] {
            assert_eq!(found(id, &record, &startup).verdict, Finding::Pass, "{id}");
            assert_eq!(found(id, &record, &terms()).verdict, Finding::Fail, "{id}");
        }
        assert_eq!(
            found(CheckId::ExitCode, &ended(2, Ended::Code(1), true), &startup).verdict,
            Finding::Fail
        );
    }
}
