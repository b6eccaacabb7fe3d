//! Did readiness turn red after the signal, and before the listener closed?

use super::first_refusal;
use crate::record::{ReadySample, ReadyState};
use crate::verdict::fate::Case;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::ReadinessBeforeClose, finding, evidence);
    if record.readiness.is_empty() {
        let hint = if terms.require_readiness { Finding::Inconclusive } else { Finding::Skipped };
        return found(hint, "readiness is a bare port, which cannot turn red; --ready takes a URL".into());
    }
    let after = |at: crate::clock::At| format!("+{}", words::time(at.since(record.signalled)));
    // Without --require-readiness a service that never turns red is not blamed: its URL may be an ordinary page.
    let missing = |evidence: String| {
        if terms.require_readiness {
            found(Finding::Fail, evidence)
        } else {
            found(Finding::Skipped, format!("{evidence} (a failure only with --require-readiness)"))
        }
    };
    if let Some(state) = last_before(case).filter(|state| *state != ReadyState::Ready) {
        return missing(format!("readiness was {} before the signal already", text(state)));
    }
    match (first_red(case), first_refusal(case)) {
        (Some(red), Some(closed)) if red.ended <= closed => found(
            Finding::Pass,
            format!("{} at {}, first refusal at {}", text(red.state), after(red.ended), after(closed)),
        ),
        (Some(red), None) => {
            found(Finding::Pass, format!("{} at {}, no refusal seen", text(red.state), after(red.ended)))
        }
        (Some(red), Some(closed)) => missing(format!(
            "new connections were refused from {} on, readiness turned red only at {}",
            after(closed),
            after(red.ended)
        )),
        (None, Some(closed)) => missing(format!(
            "readiness was never seen red; new connections were refused from {} on",
            after(closed)
        )),
        (None, None) => missing("readiness was never seen red".into()),
    }
}

fn text(state: ReadyState) -> String {
    match state {
        ReadyState::Ready => "green".into(),
        ReadyState::Red(status) => format!("red ({status})"),
        ReadyState::Refused => "red (connection refused)".into(),
        ReadyState::NoAnswer => "red (no answer)".into(),
    }
}

/// What the last look that ended before the signal saw.
fn last_before(case: &Case<'_>) -> Option<ReadyState> {
    let record = case.record;
    record.readiness.iter().rev().find(|look| look.ended < record.signalled).map(|look| look.state)
}

/// The first look after the signal that saw readiness red. A refusal is one where the load goes to another address: there the
/// listener of the service itself has not closed by it.
pub(in crate::verdict) fn first_red<'a>(case: &Case<'a>) -> Option<&'a ReadySample> {
    let record = case.record;
    let at = case.terms.readiness.as_ref().map(|(at, _)| *at);
    let apart = !case.requests.iter().any(|judged| Some(judged.request.to) == at);
    record.readiness.iter().find(|look| {
        look.ended >= record.signalled
            && match look.state {
                ReadyState::Red(_) => !record.had_ended(look.begun),
                ReadyState::Refused => apart,
                ReadyState::Ready | ReadyState::NoAnswer => false,
            }
    })
}
