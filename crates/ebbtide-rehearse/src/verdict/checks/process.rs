//! How the process ended: by the signal's handler, in time, as expected, without SIGKILL, and with no process left behind.

use std::time::Duration;

use crate::clock::At;
use crate::record::{Ended, Record};
use crate::scenario::signal_name;
use crate::verdict::fate::{Case, Fate};
use crate::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

/// A process that is still there this long after the signal was not ended by its default action.
const OUTLIVED: Duration = Duration::from_millis(100);

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
    let after = words::time(at.since(record.signalled));
    let hint = record.signal_state;
    if record.killed.is_some() {
        return match hint {
            Some(state) if state.ignored => {
                found(Finding::Fail, format!("the process ignores {name}; it ran until SIGKILL"))
                    .hint(handler_hint(&name))
            }
            Some(state) if state.pid_one && !state.caught && !state.blocked => found(
                Finding::Fail,
                format!("{name} had no effect: the process is PID 1 without a handler and ran until SIGKILL"),
            )
            .hint(handler_hint(&name)),
            // Without a handler the default action would have ended it.
            _ => found(Finding::Pass, format!("{name} did not end the process by its default action")),
        };
    }
    if !is_end_by(ended, terms.signal.number()) {
        return found(Finding::Pass, format!("the process ended by itself {after} after {name}"));
    }
    let has_handler = hint.is_some_and(|state| state.caught || state.blocked);
    let outlived = at.since(record.signalled) >= OUTLIVED;
    if has_handler && outlived || answered_late(case, at) {
        return found(
            Finding::Pass,
            match ended {
                Ended::Signal(_) => format!("the process handled {name}, and then ended by it after {after}"),
                Ended::Code(_) => format!("the process handled {name}, and ended by itself after {after}"),
            },
        );
    }
    let how = match (ended, has_handler) {
        (Ended::Signal(_), false) => format!("no handler for {name}: its default action ended the process"),
        (Ended::Signal(_), true) => format!("the handler for {name} ended the process by the signal at once"),
        (Ended::Code(code), _) => format!("exit code {code}: {name} ended the process, or the one that it waits for"),
    };
    if terms.expected.iter().any(|expected| expected.0 == ended) {
        return found(Finding::Pass, format!("{how} after {after}, which is an expected exit"));
    }
    found(Finding::Fail, format!("{how} after {after}")).hint(handler_hint(&name))
}

/// Returns whether `ended` is the end of a process by `signal`: by the signal itself, or with the exit code by which a shell, tini or
/// npm report the end of their child.
fn is_end_by(ended: Ended, signal: i32) -> bool {
    ended == Ended::Signal(signal) || ended == Ended::Code(signal.saturating_add(128))
}

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

/// A stop that takes longer than this is explained.
const LONG: Duration = Duration::from_secs(3);
/// A process that exits this soon after its last response waited for nothing else.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Did the process exit within the grace period, and what did it wait for?
pub(in crate::verdict) fn exit_in_time(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::ExitInTime, finding, evidence);
    let grace = words::limit(terms.grace);
    let took = record.exit.map(|(at, _)| at.since(record.signalled));
    let in_time = took.filter(|took| record.killed.is_none() && *took <= terms.grace);
    match in_time {
        None => found(
            Finding::Fail,
            format!("still running after the grace period of {grace}{}", waited_for(case)),
        ),
        Some(took) => {
            let why = if took >= LONG { waited_for(case) } else { String::new() };
            found(
                Finding::Pass,
                format!("exited {} after the signal (grace period {grace}){why}", words::time(took)),
            )
        }
    }
}

/// What was seen while the process did not end.
fn waited_for(case: &Case<'_>) -> String {
    let record: &Record = case.record;
    let end = record.killed.or(record.exit.map(|(at, _)| at)).unwrap_or(record.signalled);
    let after = || case.requests.iter().filter(|judged| judged.after && judged.request.ended <= end);
    let answered = || after().filter(|judged| matches!(judged.fate, Fate::Answered | Fate::Unverified));
    let kept =
        answered().filter(|judged| judged.request.answer.is_some_and(|answer| answer.keeps)).count() as u64;
    let of = answered().count() as u64;
    let open = case
        .requests
        .iter()
        .filter(|judged| judged.accepted() && judged.request.begun < end && judged.request.ended >= end);
    let open = open.count() as u64;
    let mut seen = Vec::new();
    if kept > 0 {
        seen.push(format!(
            "{} of {} responses after the signal had no `Connection: close`: their connections stayed in use",
            words::count(kept),
            words::count(of)
        ));
    }
    if open > 0 {
        seen.push(format!("{} in flight at the end", words::plural(open, "request was", "requests were")));
    }
    let last = after().map(|judged| judged.request.ended).max().unwrap_or(record.signalled);
    let quiet = end.since(last);
    if open == 0 && quiet > AT_ONCE {
        seen.push(format!("no request of the load was in flight for the last {}", words::time(quiet)));
    }
    if seen.is_empty() { String::new() } else { format!(": {}", seen.join("; ")) }
}

/// Did the process end as expected?
pub(in crate::verdict) fn exit_code(record: &Record, terms: &Terms) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::ExitCode, finding, evidence);
    let expected = terms.expected.iter().map(|expected| text(expected.0)).collect::<Vec<_>>().join(" or ");
    match record.exit {
        Some((_, ended)) if terms.expected.iter().any(|expected| expected.0 == ended) => {
            // A service that assumes more time than it has passes only while it does not use it.
            match other_grace(record, |planned| planned > terms.grace, terms) {
                Some(longer) => found(Finding::Pass, text(ended) + &longer).hint(SAME_GRACE),
                None => found(Finding::Pass, text(ended)),
            }
        }
        Some((_, ended)) => {
            let evidence = format!("{}, expected {expected}{}", text(ended), meaning(record, ended));
            match (record.killed, other_grace(record, |planned| planned < terms.grace, terms)) {
                (Some(_), _) => found(Finding::Fail, evidence),
                (None, Some(shorter)) => found(Finding::Fail, evidence + &shorter).hint(SAME_GRACE),
                (None, None) => found(Finding::Fail, evidence)
                    .hint(format!("if this exit is intended: --expect-exit {}", option(ended))),
            }
        }
        None => found(Finding::Fail, format!("the process never ended, expected {expected}")),
    }
}

const SAME_GRACE: &str = "give EBBTIDE_GRACE of the service and --grace the same value";

/// `ended` as --expect-exit has it.
fn option(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => code.to_string(),
        Ended::Signal(signal) => format!("signal:{}", signal_name(signal).trim_start_matches("SIG")),
    }
}

fn text(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => format!("exit code {code}"),
        Ended::Signal(signal) => format!("ended by {}", signal_name(signal)),
    }
}

/// What the service's report adds, if it writes one.
fn meaning(record: &Record, ended: Ended) -> String {
    let (Some(report), Ended::Code(code)) = (&record.report, ended) else { return String::new() };
    let code = match code {
        1 => " (start-up or a component failed)",
        3 => " (something was cancelled at its deadline)",
        4 => " (ended by the watchdog)",
        _ => "",
    };
    let named = unfinished(report);
    if named.is_empty() { code.into() } else { format!("{code}; its report names {}", named.join(", ")) }
}

/// Returns a note if the service's report shows a grace period that differs from `--grace` in this way.
fn other_grace(record: &Record, differs: impl FnOnce(Duration) -> bool, terms: &Terms) -> Option<String> {
    let millis = record.report.as_ref()?.get("plan")?.get("grace_ms")?.as_u64()?;
    let grace = Duration::from_millis(millis);
    differs(grace).then(|| {
        let (planned, given) = (words::limit(grace), words::limit(terms.grace));
        format!("; the service's grace period is {planned}, that of the rehearsal {given}")
    })
}

/// Components that did not drain, as the report lists them.
fn unfinished(report: &serde_json::Value) -> Vec<String> {
    let components = report.get("components").and_then(serde_json::Value::as_array);
    components
        .into_iter()
        .flatten()
        .filter_map(|component| {
            let name = component.get("name")?.as_str()?;
            // No outcome: it still ran when the watchdog wrote the report.
            let outcome = component.get("outcome").and_then(|outcome| outcome.get("kind")?.as_str());
            let outcome = outcome.unwrap_or("unfinished");
            (outcome != "drained").then(|| format!("`{name}` as {outcome}"))
        })
        .collect()
}

/// Did the process end without SIGKILL?
pub(in crate::verdict) fn no_kill(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::NoKill, finding, evidence);
    match (record.killed, record.exit) {
        (Some(at), _) => found(
            Finding::Fail,
            format!(
                "SIGKILL was sent {} after the stop signal, as a platform does",
                words::time(at.since(record.signalled))
            ),
        ),
        (None, Some((_, Ended::Signal(9)))) => found(
            Finding::Fail,
            "ended by a SIGKILL that this command did not send, for example by the kernel's OOM killer"
                .into(),
        ),
        (None, _) => found(Finding::Pass, "ended without SIGKILL".into()),
    }
}

/// Was no process left behind?
pub(in crate::verdict) fn no_orphans(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::NoOrphans, finding, evidence);
    if record.orphans.is_empty() {
        return found(Finding::Pass, "no process left".into());
    }
    let named: Vec<String> =
        record.orphans.iter().take(5).map(|orphan| format!("{} ({})", orphan.name, orphan.pid)).collect();
    let count = words::plural(record.orphans.len() as u64, "process was", "processes were");
    found(Finding::Fail, format!("{count} left behind: {}", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::SignalState;
    use crate::verdict::samples::{found, good, terms};

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
            (2, Ended::Signal(15), true, Finding::Fail, "the handler for SIGTERM ended the process by the signal at once"),
            // The same behind tini or npm.
            (2, Ended::Code(143), true, Finding::Fail, "exit code 143: SIGTERM ended the process, or the one that it waits for"),
            (2, Ended::Signal(15), false, Finding::Fail, "no handler for SIGTERM"),
            // uvicorn and the JVM: they handle the signal first.
            (300, Ended::Signal(15), true, Finding::Pass, "handled SIGTERM, and then ended by it"),
            (300, Ended::Code(143), true, Finding::Pass, "handled SIGTERM, and ended by itself"),
            (2, Ended::Code(0), true, Finding::Pass, "ended by itself"),
            (2, Ended::Code(130), true, Finding::Pass, "ended by itself"),
        ] {
            let check = found(CheckId::SignalHandled, &ended(after_ms, end, caught), &terms());
            assert!(check.verdict == finding && check.evidence.contains(evidence), "{end}: {check:?}");
        }
        let terms = Terms { expected: vec![crate::scenario::Expected(Ended::Signal(15))], ..terms() };
        let check = found(CheckId::SignalHandled, &ended(2, Ended::Signal(15), true), &terms);
        assert!(check.verdict == Finding::Pass && check.evidence.ends_with("which is an expected exit"), "{check:?}");
    }

    #[test]
    fn a_shorter_grace_period_of_the_service_is_reported() {
        for (grace_ms, evidence, hint) in [
            (10_000, "the service's grace period is 10 s, that of the rehearsal 30 s", SAME_GRACE),
            (30_000, "exit code 3, expected exit code 0", "if this exit is intended: --expect-exit 3"),
        ] {
            let report = serde_json::json!({ "plan": { "grace_ms": grace_ms }, "components": [] });
            let exit = good().exit.map(|(at, _)| (at, Ended::Code(3)));
            let check = found(CheckId::ExitCode, &Record { report: Some(report), exit, ..good() }, &terms());
            assert!(check.verdict == Finding::Fail && check.evidence.contains(evidence), "{check:?}");
            assert_eq!(check.hint.as_deref(), Some(hint));
        }
    }

    #[test]
    fn a_longer_grace_period_of_the_service_is_noted_although_it_exits_in_time() {
        for (grace_ms, is_noted) in [(60_000, true), (30_000, false), (10_000, false)] {
            let report = serde_json::json!({ "plan": { "grace_ms": grace_ms }, "components": [] });
            let check = found(CheckId::ExitCode, &Record { report: Some(report), ..good() }, &terms());
            let note = "the service's grace period is 60 s, that of the rehearsal 30 s";
            assert!(check.verdict == Finding::Pass && check.evidence.contains(note) == is_noted, "{check:?}");
            assert_eq!(check.hint.as_deref(), is_noted.then_some(SAME_GRACE));
        }
    }
}
