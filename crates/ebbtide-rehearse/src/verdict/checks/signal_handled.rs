//! Does the process handle the stop signal? What happened decides; what `/proc` said before is a hint.

use std::time::Duration;

use crate::clock::At;
use crate::record::Ended;
use crate::verdict::fate::{Case, Fate};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// A process that still answers this long after the signal was not ended by its default action.
const OUTLIVED: Duration = Duration::from_millis(100);

pub(super) fn check(case: &Case<'_>) -> Check {
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
                found(Finding::Fail, format!("the process ignores {name}: it went on until SIGKILL"))
            }
            Some(state) if state.pid_one && !state.caught && !state.blocked => found(
                Finding::Fail,
                format!(
                    "{name} had no effect: the process is PID 1 and has no handler, and went on until SIGKILL"
                ),
            ),
            // Without a handler the default action would have ended it.
            _ => found(Finding::Pass, format!("{name} did not end the process by its default action")),
        };
    }
    let by_itself = ended == Ended::Signal(terms.signal.number());
    if !by_itself {
        return found(Finding::Pass, format!("the process ended by itself {after} after {name}"));
    }
    let handler = hint.is_some_and(|state| state.caught || state.blocked);
    if handler || answered_late(case, at) {
        return found(
            Finding::Pass,
            format!("the process handled {name}, and then ended by it after {after}"),
        );
    }
    if terms.expected.iter().any(|expected| expected.0 == ended) {
        return found(
            Finding::Pass,
            format!("no handler for {name}: its default action ends the process, as --expect-exit says"),
        );
    }
    found(
        Finding::Fail,
        format!(
            "no handler for {name}: its default action ended the process after {after}; a wrapper script has to `exec` the \
             service or forward the signal"
        ),
    )
}

/// Whether the process still answered well after the signal: a request that was sent after it, and answered before the exit. What is
/// answered behind that is answered by a process that it has left.
fn answered_late(case: &Case<'_>, exit: At) -> bool {
    let late = case.record.signalled + OUTLIVED;
    case.requests.iter().any(|judged| {
        judged.fate == Fate::Answered && judged.request.begun >= late && judged.request.ended <= exit
    })
}
