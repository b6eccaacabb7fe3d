//! Remarks that are not findings but help to interpret a verdict.

use std::collections::BTreeMap;

use super::Counts;
use super::fate::Case;
use super::losses::Blame;
use crate::record::{Outcome, Record, Shape};
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
    notes.extend(
        unwanted(record)
            .into_iter()
            .map(|(shape, status)| format!("{shape}: every response had status {status}")),
    );
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

/// Shapes whose every answer had one and the same status of 400 to 499.
fn unwanted(record: &Record) -> Vec<(Shape, u16)> {
    let mut seen = BTreeMap::<Shape, Option<u16>>::new();
    for request in &record.traffic.requests {
        if let Outcome::Answered { status } = request.outcome {
            let only = seen.entry(request.shape).or_insert(Some(status));
            *only = only.filter(|known| *known == status && (400..500).contains(&status));
        }
    }
    seen.into_iter().filter_map(|(shape, status)| Some((shape, status?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::samples::{good, request, terms};

    fn notes(record: &Record) -> Vec<String> {
        super::notes(&Case::new(record, &terms()))
    }

    #[test]
    fn a_missing_route_gets_a_note_and_a_good_run_gets_none() {
        assert_eq!(notes(&good()), Vec::<String>::new());
        let mut record = good();
        record.traffic.requests = vec![request(1, Outcome::Answered { status: 404 })];
        assert!(notes(&record)[0].starts_with("storm: every response had status 404"));
    }
}
