//! The table of shapes.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Counts;
use super::fate::{Case, Judged};
use crate::record::{Meaning, Outcome, Record, Request, Shape};

/// What one shape of load saw.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShapeSummary {
    /// The shape.
    pub shape: Shape,
    /// Its requests.
    pub requests: Counts,
    /// Those that ended before the signal: the baseline.
    pub before: Counts,
    /// Those that ended after it.
    pub after: Counts,
    /// How many were accepted and not yet answered at the signal: what the run proves something by.
    pub in_flight_at_signal: u64,
    /// How many were accepted and under way at some moment between the signal and the exit.
    pub met_the_stop: u64,
    /// Lost ones that were sent on a kept connection which closed at that moment: a proxy's retry may hide them.
    pub ambiguous: u64,
    /// Latency of the answered ones, from the moment they were due.
    pub latency_ms: Latency,
}

/// Quantiles of latency in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The worst.
    pub max: f64,
}

/// A summary of each shape that was on.
pub(super) fn summaries(case: &Case<'_>) -> Vec<ShapeSummary> {
    let terms = case.terms;
    Shape::ALL
        .into_iter()
        .filter(|shape| terms.shapes.contains(shape) || (*shape == Shape::Phases && terms.phases))
        .map(|shape| summary(case, shape))
        .collect()
}

fn summary(case: &Case<'_>, shape: Shape) -> ShapeSummary {
    let all = || case.requests.iter().filter(move |judged| judged.request.shape == shape);
    let count = |of: &dyn Fn(&Judged<'_>) -> bool| all().filter(|judged| of(judged)).count() as u64;
    ShapeSummary {
        shape,
        requests: Counts::of(all()),
        before: Counts::of(all().filter(|judged| !judged.after)),
        after: Counts::of(all().filter(|judged| judged.after)),
        in_flight_at_signal: count(&|judged| in_flight(case.record, judged)),
        met_the_stop: count(&|judged| met_the_stop(case.record, judged)),
        ambiguous: count(&|judged| judged.request.meaning() == Meaning::Ambiguous),
        latency_ms: latency(all().map(|judged| judged.request)),
    }
}

fn in_flight(record: &Record, judged: &Judged<'_>) -> bool {
    judged.accepted() && judged.after && judged.request.begun < record.signalled
}

fn met_the_stop(record: &Record, judged: &Judged<'_>) -> bool {
    let exit = record.exit.map_or(judged.request.begun, |(at, _)| at);
    judged.accepted() && judged.after && judged.request.begun <= exit
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
