//! The table of shapes.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{Counts, Terms};
use crate::rehearse::record::{Outcome, Record, Request, Shape};

/// What one shape of load saw.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct ShapeSummary {
    /// The shape.
    pub(crate) shape: Shape,
    /// Its requests.
    pub(crate) requests: Counts,
    /// How many were under way between the signal and the exit.
    pub(crate) met_the_stop: u64,
    /// Lost ones that were sent on a kept connection which closed at that moment: a proxy's retry may hide them.
    pub(crate) ambiguous: u64,
    /// Latency of the answered ones, from the moment they were due.
    pub(crate) latency_ms: Latency,
}

/// Quantiles of latency in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub(crate) struct Latency {
    /// The median.
    pub(crate) p50: f64,
    /// The 99th percentile.
    pub(crate) p99: f64,
    /// The worst.
    pub(crate) max: f64,
}

/// A summary of each shape that was on.
pub(super) fn summaries(record: &Record, terms: &Terms) -> Vec<ShapeSummary> {
    Shape::ALL
        .into_iter()
        .filter(|shape| terms.shapes.contains(shape) || (*shape == Shape::Phases && terms.phases))
        .map(|shape| summary(record, shape))
        .collect()
}

fn summary(record: &Record, shape: Shape) -> ShapeSummary {
    let requests = || record.traffic.requests.iter().filter(move |request| request.shape == shape);
    let met = requests().filter(|request| met_the_stop(record, request)).count();
    let ambiguous =
        requests().filter(|request| request.meaning() == crate::rehearse::record::Meaning::Ambiguous).count();
    ShapeSummary {
        shape,
        requests: Counts::of(requests(), record.signalled),
        met_the_stop: met as u64,
        ambiguous: ambiguous as u64,
        latency_ms: latency(requests()),
    }
}

/// Whether it was under way at some moment between the signal and the exit.
fn met_the_stop(record: &Record, request: &Request) -> bool {
    let exit = record.exit.map_or(request.begun, |(at, _)| at);
    request.ended >= record.signalled && request.begun <= exit
}

fn latency<'a>(requests: impl Iterator<Item = &'a Request>) -> Latency {
    // Three digits over any time a request can take, in microseconds.
    let Ok(mut histogram) = Histogram::<u64>::new(3) else { return Latency::default() };
    for request in requests.filter(|request| matches!(request.outcome, Outcome::Answered { .. })) {
        let time = u64::try_from(request.ended.since(request.due).as_micros()).unwrap_or(u64::MAX);
        // It grows as needed: only a time of centuries does not fit.
        let _too_long = histogram.record(time);
    }
    let ms = |micros: u64| micros as f64 / 1000.0;
    Latency {
        p50: ms(histogram.value_at_quantile(0.5)),
        p99: ms(histogram.value_at_quantile(0.99)),
        max: ms(histogram.max()),
    }
}
