//! Did readiness turn red before the listener closed?

use super::first_refusal;
use crate::rehearse::record::{ReadySample, ReadyState, Record};
use crate::rehearse::verdict::{Check, CheckId, Finding, Terms};
use crate::words;

pub(super) fn check(record: &Record, terms: &Terms) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::ReadinessBeforeClose, finding, evidence);
    if record.readiness.is_empty() {
        return found(Finding::Skipped, "readiness is a bare port, which cannot turn red".into());
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
    match (first_red(record), first_refusal(record)) {
        (Some(red), Some(closed)) if red.ended <= closed => {
            found(Finding::Pass, format!("red at {}, first refusal at {}", after(red.ended), after(closed)))
        }
        (Some(red), None) => found(Finding::Pass, format!("red at {}, no refusal seen", after(red.ended))),
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

/// The first look after the signal that saw readiness red.
pub(in crate::rehearse::verdict) fn first_red(record: &Record) -> Option<&ReadySample> {
    record
        .readiness
        .iter()
        .find(|look| look.ended >= record.signalled && matches!(look.state, ReadyState::Red(_)))
}
