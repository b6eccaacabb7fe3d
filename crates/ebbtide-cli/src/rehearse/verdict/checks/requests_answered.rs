//! Was every accepted request answered whole?

use crate::rehearse::record::{Record, Shape};
use crate::rehearse::verdict::reason::losses;
use crate::rehearse::verdict::{Check, CheckId, Counts, Finding, ShapeSummary};
use crate::words;

pub(super) fn check(record: &Record, shapes: &[ShapeSummary]) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::RequestsAnswered, finding, evidence);
    let lost = losses(record);
    if !lost.is_empty() {
        return found(Finding::Fail, lost.join("\n"));
    }
    let idle: Vec<&ShapeSummary> =
        shapes.iter().filter(|shape| shape.shape != Shape::Phases && shape.met_the_stop == 0).collect();
    if shapes.is_empty() || !idle.is_empty() {
        let names: Vec<&str> = idle.iter().map(|shape| shape.shape.name()).collect();
        let why = match (&record.traffic.last_trouble, record.traffic.bound_reached) {
            (_, Some(_)) => {
                "; the bound on the number of requests was reached, see --max-requests".to_owned()
            }
            (Some(trouble), None) => format!("; on our side: {trouble}"),
            (None, None) => String::new(),
        };
        let names = if names.is_empty() { "any shape".into() } else { names.join(", ") };
        return found(Finding::Inconclusive, format!("nothing was in flight during the stop: {names}{why}"));
    }
    let counts = Counts::of(&record.traffic.requests, record.signalled);
    found(
        Finding::Pass,
        format!(
            "{} sent: {} answered ({} after the signal), {} refused, 0 lost",
            words::count(counts.sent),
            words::count(counts.answered),
            words::count(counts.answered_after_signal),
            words::count(counts.refused)
        ),
    )
}
