//! How the process ended: in time, without SIGKILL, and with no process left behind.

use std::time::Duration;

use super::late::{Late, quiet_end, quiet_text};
use crate::record::{Ended, Record};
use crate::verdict::case::Case;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// A stop that takes longer than this is explained.
const LONG: Duration = Duration::from_secs(3);

/// Did the process exit within the grace period, and what did it wait for?
pub(in crate::verdict) fn exit_in_time(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::ExitInTime, finding, evidence);
    let grace = match &record.pre_stop {
        None => words::limit(terms.grace),
        Some(hook) => {
            let took = words::time(hook.ended.since(hook.began));
            match hook.before_grace {
                true => format!("{}, after preStop, which took {took}", words::limit(terms.grace)),
                false => format!("{}, of which preStop took {took}", words::limit(terms.grace)),
            }
        }
    };
    let deadline = record.deadline(terms.grace);
    let in_time = record.exit.filter(|(at, _)| record.killed.is_none() && *at <= deadline);
    let in_time = in_time.map(|(at, _)| at.since(record.signalled));
    match in_time {
        None => {
            let late = Late::of(case);
            let facts = late.facts();
            let facts = if facts.is_empty() { facts.concat() } else { format!(": {}", facts.join("; ")) };
            let check =
                found(Finding::Fail, format!("still running after the grace period of {grace}{facts}"))
                    .hint(late.hint(&terms.signal.name()));
            match late.cause() {
                Some(cause) => check.cause(cause),
                None => check,
            }
        }
        Some(took) => {
            // A process that was in time has no fault to explain: only what a shorter stop could save is worth a line.
            let why =
                quiet_end(case).filter(|_| took >= LONG).map(|quiet| format!(": {}", quiet_text(quiet)));
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
    use crate::clock::At;
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
    }

    #[test]
    fn a_stop_of_less_than_three_seconds_is_not_explained() {
        let check = found(CheckId::ExitInTime, &good(), &terms());
        assert_eq!(check.evidence, "exited 600 ms after the signal (grace period 30 s)");
    }
}
