//! How the process ended: in time, as expected, without SIGKILL, and with no process left behind.

use std::time::Duration;

use super::signals::{ended_by_second, is_end_by};
use crate::record::{Ended, Record};
use crate::scenario::{StopAt, signal_name};
use crate::verdict::fate::{Case, Fate};
use crate::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

/// A stop that takes longer than this is explained.
const LONG: Duration = Duration::from_secs(3);
/// A process that exits this soon after its last response waited for nothing else.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Did the process exit within the grace period, and what did it wait for?
pub(in crate::verdict) fn exit_in_time(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::ExitInTime, finding, evidence);
    let grace = match &record.pre_stop {
        None => words::limit(terms.grace),
        Some(hook) => {
            let took = words::time(hook.ended.since(hook.began));
            format!("{}, of which preStop took {took}", words::limit(terms.grace))
        }
    };
    let deadline = record.deadline(terms.grace);
    let in_time = record.exit.filter(|(at, _)| record.killed.is_none() && *at <= deadline);
    let in_time = in_time.map(|(at, _)| at.since(record.signalled));
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
        Some((_, ended @ Ended::NotObserved)) => found(
            Finding::Inconclusive,
            format!("{}: the process is not a child of this command", text(ended)),
        ),
        Some((_, ended)) if terms.expected.iter().any(|expected| expected.0 == ended) => {
            // A service that assumes more time than it has passes only while it does not use it.
            match other_grace(record, |planned| planned > terms.grace, terms) {
                Some(longer) => found(Finding::Pass, text(ended) + &longer).hint(SAME_GRACE),
                None => found(Finding::Pass, text(ended)),
            }
        }
        Some((_, ended)) if ended_by_second(record, terms).is_some() => {
            found(Finding::Pass, format!("{}, as the second signal asks", text(ended)))
        }
        Some((_, ended)) if terms.at == StopAt::Startup && is_end_by(ended, terms.signal.number()) => {
            found(Finding::Pass, format!("{}, during start-up", text(ended)))
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
        Ended::NotObserved => String::new(),
    }
}

pub(super) fn text(ended: Ended) -> String {
    match ended {
        Ended::Code(code) => format!("exit code {code}"),
        Ended::Signal(signal) => format!("ended by {}", signal_name(signal)),
        Ended::NotObserved => ended.to_string(),
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
        (None, Some((_, Ended::NotObserved))) => found(
            Finding::Inconclusive,
            "this command sent no SIGKILL; whether another process did was not observed".into(),
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
    use crate::verdict::samples::{found, good, terms};

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
