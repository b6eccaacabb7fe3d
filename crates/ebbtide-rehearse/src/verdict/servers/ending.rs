//! How the process ended, as far as it tells causes apart.

use std::time::Duration;

use crate::record::Ended;
use crate::verdict::case::Case;
use crate::verdict::checks::listener::{first_red, first_refusal};

/// Whether the service behind a wrapper stopped at the signal, and before the wrapper ended: it was forwarded.
pub(super) fn has_reacted(case: &Case<'_>) -> bool {
    let record = case.record;
    let Some(end) = record.killed.or(record.exit.map(|(at, _)| at)) else { return false };
    let is_left = !record.orphans.is_empty() || record.children_until.is_some();
    let red = first_red(case).map(|look| look.ended);
    !is_left && red.into_iter().chain(first_refusal(case)).any(|at| at < end)
}

/// Returns how long after the stop signal the process ended by it.
pub(super) fn ended_by_the_signal(case: &Case<'_>) -> Option<Duration> {
    let (at, ended) = case.record.exit?;
    let is_it = ended == Ended::Signal(case.terms.signal.number());
    is_it.then(|| at.since(case.record.signalled))
}

/// Returns the code with which the process exited, and how long after the stop signal.
pub(super) fn exited(case: &Case<'_>) -> Option<(i32, Duration)> {
    let (at, ended) = case.record.exit?;
    let Ended::Code(code) = ended else { return None };
    Some((code, at.since(case.record.signalled)))
}
