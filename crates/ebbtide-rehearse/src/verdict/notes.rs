//! Remarks that are not findings but help to interpret a verdict.

use super::Counts;
use super::fate::Case;
use super::losses::Blame;
use crate::words;

/// Returns the remarks on a run.
pub(super) fn notes(case: &Case<'_>) -> Vec<String> {
    let record = case.record;
    let traffic = &record.traffic;
    let mut notes = Vec::new();
    if let Some(trouble) = &traffic.last_trouble {
        let count = words::plural(traffic.trouble, "attempt", "attempts");
        notes.push(format!("{count} failed on the client side and say nothing about the service: {trouble}"));
    }
    if let Some(at) = traffic.bound_reached {
        let at = words::time(at.since(record.load_began));
        notes.push(format!(
            "clients stopped sending {at} after the load began: the maximum number of requests was reached"
        ));
    }
    for group in case.groups.iter().filter(|group| group.blame == Blame::Usual) {
        notes.push(format!("not caused by the shutdown: {}", group.sentence(record)));
    }
    notes.extend(before(case));
    let counts = Counts::of(&case.requests);
    if counts.foreign > 0 {
        let count = words::plural(counts.foreign, "new connection was", "new connections were");
        notes.push(format!(
            "{count} accepted by another program, which took the port after the service had ended: not counted"
        ));
    }
    let ours = counts.ended_by_clean_up;
    if ours > 0 {
        let ours = words::plural(ours, "request was", "requests were");
        notes.push(format!(
            "{ours} in flight at processes that outlived the service, and ended when these were killed: not counted"
        ));
    }
    if traffic.idle_closed > 0 {
        let count = words::plural(traffic.idle_closed, "kept connection was", "kept connections were");
        notes.push(format!(
            "{count} closed by the service while idle, before a request was written: not a loss"
        ));
    }
    notes
}

/// Failures before the signal.
fn before(case: &Case<'_>) -> Option<String> {
    let bad = Counts::of(case.requests.iter().filter(|judged| !judged.after));
    let (count, of) = (words::count(bad.bad()), words::count(bad.accepted()));
    (bad.bad() > 0).then(|| format!("{count} of {of} requests failed before the signal: the baseline"))
}
