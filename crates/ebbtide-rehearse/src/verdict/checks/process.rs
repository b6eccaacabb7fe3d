//! How the process ended: in time, without SIGKILL, and with no process left behind.

use std::time::Duration;

use crate::clock::At;
use crate::record::{Ended, Record};
use crate::verdict::fate::{Case, Fate};
use crate::verdict::{Check, CheckId, Finding};
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
            // A process that was in time has no fault to explain: only what a shorter stop could save is worth a line.
            let why = quiet_end(case).filter(|_| took >= LONG).map(|why| format!(": {why}"));
            found(
                Finding::Pass,
                format!(
                    "exited {} after the signal (grace period {grace}){}",
                    words::time(took),
                    why.unwrap_or_default()
                ),
            )
        }
    }
}

/// What was seen while the process did not end.
fn waited_for(case: &Case<'_>) -> String {
    let record: &Record = case.record;
    let end = end(record);
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
    } else {
        seen.extend(quiet_end(case));
    }
    if seen.is_empty() { String::new() } else { format!(": {}", seen.join("; ")) }
}

/// For how long the process ran on although the load had nothing in flight any more.
fn quiet_end(case: &Case<'_>) -> Option<String> {
    let end = end(case.record);
    let ended = case.requests.iter().filter(|judged| judged.after).map(|judged| judged.request.ended);
    let last = ended.filter(|ended| *ended <= end).max().unwrap_or(case.record.signalled);
    let quiet = end.since(last);
    (quiet > AT_ONCE)
        .then(|| format!("no request of the load was in flight for the last {}", words::time(quiet)))
}

/// The end of the process, or of the time that it had.
fn end(record: &Record) -> At {
    record.killed.or(record.exit.map(|(at, _)| at)).unwrap_or(record.signalled)
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

    /// Exits 4 s after the signal, 3.8 s after the last response, which kept its connection.
    fn late() -> Record {
        let exit = good().exit.map(|(_, ended)| (At(5_000_000), ended));
        Record { exit, ..good() }
    }

    #[test]
    fn a_process_that_is_in_time_is_not_blamed_for_connections_that_stayed_in_use() {
        let check = found(CheckId::ExitInTime, &late(), &terms());
        let quiet = "exited 4.00 s after the signal (grace period 30 s): no request of the load was in flight for the last";
        assert!(check.verdict == Finding::Pass && check.evidence.starts_with(quiet), "{check:?}");
        assert!(!check.evidence.contains("Connection: close"), "{check:?}");
        // The opposite: it was not in time, and this is why.
        let killed = Record { killed: Some(At(5_000_000)), ..late() };
        let check = found(CheckId::ExitInTime, &killed, &terms());
        assert!(
            check.verdict == Finding::Fail && check.evidence.contains("had no `Connection: close`"),
            "{check:?}"
        );
    }

    #[test]
    fn a_stop_of_less_than_three_seconds_is_not_explained() {
        let check = found(CheckId::ExitInTime, &good(), &terms());
        assert_eq!(check.evidence, "exited 600 ms after the signal (grace period 30 s)");
    }
}
