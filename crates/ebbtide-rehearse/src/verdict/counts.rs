//! How many requests ended how: all of them, and those of each shape of load.

use std::ops::Add;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::case::{Case, JudgedRequest};
use super::fate::{Column, Fate};
use crate::record::{Meaning, Outcome, Record, Shape};

/// Requests by their outcome. `sent = answered + refused + unprocessed + connect_timed_out + lost + truncated + timed_out +
/// ended_by_clean_up + foreign`, always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Requests that a client tried to send, including those that were refused.
    pub sent: u64,
    /// Answered completely, with any status.
    pub answered: u64,
    /// Of these: answered after the signal.
    pub answered_after_signal: u64,
    /// Refused, because no socket listened; a retry is safe.
    pub refused: u64,
    /// How many of the refused connections the platform still routed to the service.
    pub refused_early: u64,
    /// HTTP/2: declared to be unprocessed, by a GOAWAY with an earlier last stream or by REFUSED_STREAM; a retry is safe.
    pub unprocessed: u64,
    /// Neither accepted nor refused within the limit; a retry is safe.
    pub connect_timed_out: u64,
    /// Accepted, and closed with no response byte.
    pub lost: u64,
    /// The response began and did not finish, or was not HTTP.
    pub truncated: u64,
    /// Accepted, and no whole response within the limit.
    pub timed_out: u64,
    /// Of the answered ones: with a status of 500 or more, or after the signal with a status, length or redirect that the
    /// route did not have before it.
    pub wrong: u64,
    /// Ended by the clean-up of the rehearsal, after the service had ended. They are not judged.
    pub ended_by_clean_up: u64,
    /// Accepted by another program, on the port that the service had released at its end. They are not judged.
    pub foreign: u64,
}

impl Counts {
    /// Counts one request.
    fn count(&mut self, judged: &JudgedRequest<'_>) {
        let answered_earlier = self.answered;
        self.sent += 1;
        let column = match judged.fate {
            Fate::Answered | Fate::Declined | Fate::Unverified(_) => &mut self.answered,
            Fate::Refused => &mut self.refused,
            Fate::RefusedEarly => {
                self.refused_early += 1;
                &mut self.refused
            }
            Fate::Unprocessed => &mut self.unprocessed,
            Fate::ConnectTimeout => &mut self.connect_timed_out,
            Fate::CleanedUp => &mut self.ended_by_clean_up,
            Fate::Foreign => &mut self.foreign,
            Fate::Bad(reason) => match reason.column() {
                Column::Lost => &mut self.lost,
                Column::Truncated => &mut self.truncated,
                Column::TimedOut => &mut self.timed_out,
                Column::Wrong => {
                    self.wrong += 1;
                    &mut self.answered
                }
            },
        };
        *column += 1;
        if judged.after {
            self.answered_after_signal += self.answered - answered_earlier;
        }
    }

    /// Returns the number of requests that were refused before they were processed: those of refused connections, and those of
    /// refused streams.
    pub fn refusals(&self) -> u64 {
        self.refused.saturating_add(self.unprocessed)
    }

    /// Returns the number of requests that the service accepted.
    pub fn accepted(&self) -> u64 {
        let never = self.refusals().saturating_add(self.connect_timed_out).saturating_add(self.foreign);
        self.sent.saturating_sub(never)
    }

    /// Returns the number of failed requests, whatever the cause.
    pub fn bad(&self) -> u64 {
        self.lost.saturating_add(self.truncated).saturating_add(self.timed_out).saturating_add(self.wrong)
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            sent: self.sent + more.sent,
            answered: self.answered + more.answered,
            answered_after_signal: self.answered_after_signal + more.answered_after_signal,
            refused: self.refused + more.refused,
            refused_early: self.refused_early + more.refused_early,
            unprocessed: self.unprocessed + more.unprocessed,
            connect_timed_out: self.connect_timed_out + more.connect_timed_out,
            lost: self.lost + more.lost,
            truncated: self.truncated + more.truncated,
            timed_out: self.timed_out + more.timed_out,
            wrong: self.wrong + more.wrong,
            ended_by_clean_up: self.ended_by_clean_up + more.ended_by_clean_up,
            foreign: self.foreign + more.foreign,
        }
    }
}

/// The results of one shape of load.
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
    /// How many were accepted and not yet answered at the signal. The run is evidence only through these.
    pub in_flight_at_signal: u64,
    /// How many were accepted and in flight at some time between the signal and the end of the last process.
    pub met_the_stop: u64,
    /// Lost requests that were sent on a kept connection which closed at the same time: a proxy's retry may hide them.
    pub ambiguous: u64,
    /// Latency of the answered requests, from the time they were due. `None`: none was answered.
    pub latency_ms: Option<Latency>,
}

/// Quantiles of latency in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The worst.
    pub max: f64,
}

impl Latency {
    /// Returns the worst value of each quantile. `None`: there is no latency.
    pub fn worst(all: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        let worse = |one: Self, other: Self| Self {
            p50: one.p50.max(other.p50),
            p99: one.p99.max(other.p99),
            max: one.max.max(other.max),
        };
        all.into_iter().flatten().reduce(worse)
    }
}

/// What is counted of the requests of a shape, or of a route.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Those that ended before the stop began.
    pub(super) before: Counts,
    pub(super) after: Counts,
    /// How many were accepted and not yet answered at the signal.
    pub(super) in_flight_at_signal: u64,
    /// How many were accepted and in flight at some time between the signal and the end of the last process.
    met_the_stop: u64,
    ambiguous: u64,
    /// From the time an answered request was due, in microseconds; `None`: none was answered.
    latencies: Option<Histogram<u64>>,
}

impl Tally {
    /// Counts a request of `record`.
    pub(super) fn add(&mut self, judged: &JudgedRequest<'_>, record: &Record) {
        let request = judged.request;
        if judged.after { &mut self.after } else { &mut self.before }.count(judged);
        self.in_flight_at_signal += u64::from(judged.in_flight_at(record.signalled));
        self.met_the_stop += u64::from(met_the_stop(record, judged));
        self.ambiguous += u64::from(request.meaning() == Meaning::Ambiguous);
        if matches!(request.outcome, Outcome::Answered { .. }) {
            self.add_latency(request.ended.since(request.due));
        }
    }

    fn add_latency(&mut self, time: Duration) {
        if self.latencies.is_none() {
            // Three digits over any time that a request can take.
            self.latencies = Histogram::new(3).ok();
        }
        if let Some(latencies) = &mut self.latencies {
            // It grows as needed: only a time of centuries does not fit.
            let _too_long = latencies.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Returns the counts of all its requests.
    pub(super) fn all(&self) -> Counts {
        self.before + self.after
    }

    /// Returns the latency of the answered requests; `None`: none was answered.
    pub(super) fn latency(&self) -> Option<Latency> {
        let ms = |micros: u64| micros as f64 / 1000.0;
        self.latencies.as_ref().filter(|latencies| !latencies.is_empty()).map(|latencies| Latency {
            p50: ms(latencies.value_at_quantile(0.5)),
            p99: ms(latencies.value_at_quantile(0.99)),
            max: ms(latencies.max()),
        })
    }
}

fn met_the_stop(record: &Record, judged: &JudgedRequest<'_>) -> bool {
    judged.accepted() && judged.after && !record.had_ended(judged.request.begun)
}

/// Returns a summary of each enabled shape.
pub(super) fn summaries(case: &Case<'_>) -> Vec<ShapeSummary> {
    let (terms, none) = (case.terms, Tally::default());
    let is_on = |shape: &Shape| terms.shapes.contains(shape) || (*shape == Shape::Phases && terms.phases);
    let summary = |shape: Shape| {
        let tally = case.by_shape.get(&shape).unwrap_or(&none);
        ShapeSummary {
            shape,
            requests: tally.all(),
            before: tally.before,
            after: tally.after,
            in_flight_at_signal: tally.in_flight_at_signal,
            met_the_stop: tally.met_the_stop,
            ambiguous: tally.ambiguous,
            latency_ms: tally.latency(),
        }
    };
    Shape::ALL.into_iter().filter(is_on).map(summary).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::At;
    use crate::record::{Record, Traffic};
    use crate::verdict::samples::{any_request, request, terms};

    #[test]
    fn without_an_answer_there_is_no_latency() {
        let of = |outcome| {
            let mut record = Record::default();
            record.traffic.requests.push(request(1000, outcome));
            let terms = terms();
            Case::new(&record, &terms).by_shape.values().next().unwrap().latency()
        };
        assert_eq!(of(Outcome::TimedOut), None);
        let answered = of(Outcome::Answered { status: 200 });
        assert!(answered.is_some_and(|latency| latency.p50 > 0.9), "{answered:?}");
        assert_eq!(Latency::worst([None, answered, None]), answered);
        assert_eq!(Latency::worst([None, None]), None);
    }

    #[test]
    fn the_shutdown_lasts_until_the_last_process_has_ended() {
        let met = |children_until| {
            // Begun after the end of the first process.
            let mut record = crate::verdict::samples::good();
            let exit = record.exit.unwrap().0;
            record.children_until = children_until;
            record.traffic.requests = vec![request(exit.0 + 1, Outcome::Answered { status: 200 })];
            let terms = terms();
            summaries(&Case::new(&record, &terms)).first().unwrap().met_the_stop
        };
        assert_eq!((met(Some(At(2_000_000))), met(None)), (1, 0));
    }

    proptest! {
        #[test]
        fn the_verdicts_counts_add_up_for_any_outcomes(
            requests in proptest::collection::vec(any_request(), 0..200),
            signalled in 0..5_000_u64,
        ) {
            let traffic = Traffic { requests, ..Traffic::default() };
            let record = Record { traffic, signalled: At(signalled), ..Record::default() };
            let terms = terms();
            let case = Case::new(&record, &terms);
            let all = case.counts();
            prop_assert_eq!(all.sent, record.traffic.requests.len() as u64);
            prop_assert_eq!(
                all.sent,
                all.answered + all.refused + all.connect_timed_out + all.lost + all.truncated + all.timed_out
                    + all.ended_by_clean_up + all.foreign
            );
            prop_assert!(all.answered_after_signal <= all.answered && all.wrong <= all.answered);
            prop_assert!(case.lost() <= all.bad());
            let routes = case.by_route.iter().map(Tally::all).fold(Counts::default(), Counts::add);
            prop_assert_eq!(all, routes);
            prop_assert_eq!(case.before(), case.by_route.iter().map(|tally| tally.before).fold(Counts::default(), Counts::add));
        }
    }
}
