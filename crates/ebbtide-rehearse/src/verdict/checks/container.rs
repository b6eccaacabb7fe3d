//! What a container would have ended: there the kernel kills every process when the first one ends.

use std::time::Duration;

use crate::verdict::case::Case;
use crate::verdict::fate::Fate;
use crate::words;

/// On a busy machine a response is read this long after it was sent. One that is read later was sent after the end.
const READ: Duration = Duration::from_millis(20);

/// Returns what child processes served after the end of the first one, if the platform runs the service in a container and the
/// rehearsal did not.
pub(super) fn served_by_children(case: &Case<'_>) -> Option<String> {
    let record = case.record;
    let (exit, _) = record.exit.filter(|_| case.terms.in_container && record.children_until.is_some())?;
    // A process that was attached to may be in a container.
    if record.signal_state.is_some_and(|state| state.pid_one) {
        return None;
    }
    let served = case.requests.iter().filter(|judged| {
        let is_answered = matches!(judged.fate, Fate::Answered | Fate::Declined | Fate::Unverified(_));
        is_answered && (judged.request.opened > exit || judged.request.ended > exit + READ)
    });
    let served = served.count() as u64;
    (served > 0).then(|| {
        format!(
            "{} came from a child process after the first process had ended ({}): in a container the kernel kills it then",
            words::plural(served, "response", "responses"),
            record.offset(exit)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::{Outcome, Record, SignalState};
    use crate::verdict::samples::{found, good, request, terms};
    use crate::verdict::{CheckId, Finding, Terms, Verdict, judge};

    /// The first process ends 400 ms after the signal, and a child process serves for another 300 ms.
    fn drained_by_a_child() -> Record {
        let mut record = good();
        record.traffic.requests.retain(|request| request.outcome != Outcome::Refused);
        let (exit, how) = record.exit.unwrap();
        record.children_until = Some(exit + Duration::from_millis(300));
        record.traffic.requests.push(request(exit.0 + 100_000, Outcome::Answered { status: 200 }));
        Record { exit: Some((exit, how)), ..record }
    }

    #[test]
    fn what_a_child_served_after_the_first_process_is_no_evidence_for_a_container() {
        let container = Terms { in_container: true, ..terms() };
        let check = found(CheckId::RequestsAnswered, &drained_by_a_child(), &container);
        assert_eq!(check.verdict, Finding::Inconclusive, "{check:?}");
        assert!(check.evidence.starts_with("1 response came from a child process"), "{check:?}");
        assert!(check.hint.unwrap().starts_with("--pid1 "));
        assert_eq!(judge(&drained_by_a_child(), &container).verdict, Verdict::Inconclusive);
        // Elsewhere the child goes on, and a note says so.
        let elsewhere = judge(&drained_by_a_child(), &terms());
        assert_eq!(elsewhere.verdict, Verdict::Pass, "{elsewhere:?}");
        assert!(elsewhere.notes.iter().any(|note| note.contains("--pid1")), "{:?}", elsewhere.notes);
    }

    #[test]
    fn a_response_that_was_sent_before_the_end_is_evidence() {
        let container = Terms { in_container: true, ..terms() };
        let mut record = drained_by_a_child();
        let (exit, _) = record.exit.unwrap();
        let last = record.traffic.requests.last_mut().unwrap();
        (last.opened, last.begun, last.ended) = (At(exit.0 - 1000), At(exit.0 - 1000), exit + READ);
        assert_eq!(judge(&record, &container).verdict, Verdict::Pass);
        record.traffic.requests.last_mut().unwrap().ended = exit + READ + Duration::from_micros(1);
        assert_eq!(judge(&record, &container).verdict, Verdict::Inconclusive);
        // One that was PID 1 took its child processes along.
        let state = SignalState { caught: true, blocked: false, ignored: false, pid_one: true };
        record.signal_state = Some(state);
        assert_eq!(judge(&record, &container).verdict, Verdict::Pass);
    }
}
