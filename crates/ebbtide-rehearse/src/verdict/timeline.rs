//! The timeline of a run, relative to the signal.

use serde::Serialize;

use super::case::Case;
use super::checks::listener::{first_red, first_refusal, green_again};
use super::checks::liveness::liveness_failure;
use super::fate::{Column, Reason};
use crate::clock::At;
use crate::record::{Outcome, PreStopEnd, PreStopRun, Record};
use crate::scenario::StopAt;

/// The landmarks of a run, and its requests in flight over time.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Timeline {
    /// In the order in which they happened.
    pub landmarks: Vec<Landmark>,
    /// Requests in flight.
    pub in_flight: Bars,
}

/// One event of the timeline.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Landmark {
    /// Milliseconds after the signal; negative before it.
    pub ms: f64,
    /// The event.
    pub what: String,
}

/// Requests in flight: the maximum in each of many equal intervals.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Bars {
    /// The start of the first interval, in milliseconds after the signal.
    pub from_ms: f64,
    /// The length of an interval, in milliseconds.
    pub every_ms: f64,
    /// The maximum number of requests in flight at once, in each interval.
    pub counts: Vec<u64>,
}

const SAMPLES: u64 = 60;

impl Timeline {
    /// The timeline of `case`.
    pub(super) fn of(case: &Case<'_>) -> Self {
        Self { landmarks: landmarks(case), in_flight: in_flight(case.record) }
    }
}

fn landmarks(case: &Case<'_>) -> Vec<Landmark> {
    let record = case.record;
    let mut marks: Vec<(At, String)> = vec![(record.load_began, first(case.terms.at).into())];
    if let Some(PreStopRun { began, ended, end, before_grace }) = &record.pre_stop {
        let how = match end {
            PreStopEnd::Done => "preStop ends",
            PreStopEnd::Failed(_) => "preStop fails",
            PreStopEnd::Overran if *before_grace => "preStop is not waited for any longer",
            PreStopEnd::Overran => "preStop still runs at the end of the grace period",
            PreStopEnd::ServiceEnded => "preStop is ended with the service",
        };
        marks.extend([(*began, "preStop begins".into()), (*ended, how.to_owned())]);
    }
    if !matches!(record.pre_stop, Some(PreStopRun { end: PreStopEnd::ServiceEnded, .. })) {
        marks.push((record.signalled, "stop signal".into()));
    }
    let then = case.terms.then.as_ref().map_or_else(String::new, |then| then.signal.name());
    marks.extend(record.second_signal.map(|at| (at, format!("second signal: {then}"))));
    if let Some(red) = first_red(case) {
        marks.push((record.poll_readable_at(red), "readiness turned red".into()));
    }
    if let Some(green) = green_again(case) {
        marks.push((record.poll_readable_at(green), "readiness turned green again".into()));
    }
    if let Some(failed) = liveness_failure(case) {
        marks.push((record.poll_readable_at(failed), "liveness failed".into()));
    }
    if let Some(refused) = first_refusal(case) {
        marks.push((refused, "listener closed: first refusal".into()));
    }
    let answers = || {
        let answered = |at: &&crate::record::Request| matches!(at.outcome, Outcome::Answered { .. });
        record.traffic.requests.iter().filter(answered).map(|request| record.readable_at(request))
    };
    marks.extend(answers().max().map(|at| (at, "last answer".into())));
    for (column, name) in [
        (Column::Lost, "loss"),
        (Column::Truncated, "truncated answer"),
        (Column::TimedOut, "timeout"),
        (Column::Wrong, "wrong answer"),
    ] {
        let blamed = case.requests.iter().filter(|judged| judged.blamed);
        let of = blamed.filter_map(|judged| Some((record.readable_at(judged.request), judged.reason()?)));
        let of = of.filter(|(_, reason)| reason.column() == column);
        marks.extend(of.clone().min().map(|(at, reason)| (at, format!("first {name}{}", status(reason)))));
        marks.extend(of.max().map(|(at, reason)| (at, format!("last {name}{}", status(reason)))));
    }
    let database = record.database.as_ref();
    marks.extend(database.and_then(|seen| seen.emptied).map(|at| (at, "database connections closed".into())));
    marks.extend(record.killed.map(|at| (at, "grace period exceeded: SIGKILL".into())));
    marks.extend(record.exit.map(|(at, ended)| (at, format!("process ended: {ended}"))));
    marks.sort_by_key(|(at, _)| *at);
    marks.into_iter().map(|(at, what)| Landmark { ms: at.ms_from(record.signalled), what }).collect()
}

fn first(at: StopAt) -> &'static str {
    match at {
        StopAt::Startup => "process starts",
        StopAt::Idle => "ready, without load",
        StopAt::Load | StopAt::Random => "load begins",
    }
}

fn status(reason: Reason) -> String {
    if let Reason::Status(status) = reason { format!(" (status {status})") } else { String::new() }
}

fn in_flight(record: &Record) -> Bars {
    let end = record.exit.map_or(record.signalled, |(at, _)| at).max(record.signalled);
    // As much before the signal as there is after it, a second at least, but no more than there was.
    let before = end.since(record.signalled).max(std::time::Duration::from_secs(1));
    let before = before.max(record.signalled.since(record.stop_began()));
    let before = u64::try_from(before.as_micros()).unwrap_or(u64::MAX);
    let from = At(record.signalled.0.saturating_sub(before)).max(record.load_began);
    let step = ((end.0 - from.0) / SAMPLES + 1).max(1);
    let mut now = 0_i64;
    let mut changes: Vec<(At, i64)> = Vec::new();
    for request in &record.traffic.requests {
        for (at, change) in [(request.begun, 1), (record.readable_at(request), -1)] {
            if at < from {
                now += change;
            } else {
                changes.push((at, change));
            }
        }
    }
    // At the same moment a request ends before the next one begins.
    changes.sort_unstable();
    let mut changes = changes.into_iter().peekable();
    let counts = (1..=SAMPLES).map(|sample| {
        let until = At(from.0 + sample * step);
        let mut most = now;
        while let Some((_, change)) = changes.next_if(|(at, _)| *at < until) {
            now += change;
            most = most.max(now);
        }
        u64::try_from(most).unwrap_or_default()
    });
    Bars { from_ms: from.ms_from(record.signalled), every_ms: step as f64 / 1000.0, counts: counts.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Close, Request};
    use crate::verdict::samples::{good, request, terms};
    use crate::verdict::{CheckId, Picture, judge};

    #[test]
    fn what_is_read_after_the_exit_is_shown_at_the_exit() {
        let mut record = good();
        let exit = record.exit.unwrap().0;
        let read_late = |outcome| Request { ended: At(exit.0 + 150_000), ..request(1_599_000, outcome) };
        let lost = Outcome::Unanswered { close: Close::Reset };
        record.traffic.requests.extend([Outcome::Answered { status: 200 }, lost].map(read_late));
        let terms = terms();
        let run = judge(&record, &terms);
        let at = |name: &str| {
            let mark = run.timeline.landmarks.iter().find(|mark| mark.what.starts_with(name));
            mark.map(|mark| mark.ms).unwrap()
        };
        let ended = at("process ended");
        assert_eq!((at("last answer"), at("last loss")), (ended, ended));
        let last = run.timeline.landmarks.last().unwrap();
        assert!(last.what.starts_with("process ended"), "{last:?}");
        let evidence =
            &run.checks.iter().find(|check| check.id == CheckId::RequestsAnswered).unwrap().evidence;
        assert!(evidence.contains("(+600 ms)") && !evidence.contains("+750 ms"), "{evidence}");
        let picture = Picture::of(&record, &terms);
        assert!(picture.requests.iter().all(|request| request.ended <= exit), "{picture:?}");
        // A child process that is still there may answer, and a client that waits in vain does so beyond the exit.
        record.children_until = Some(At(exit.0 + 200_000));
        assert!(judge(&record, &terms).timeline.landmarks.iter().any(|mark| mark.ms > ended));
        let mut waits = good();
        waits.traffic.requests.push(read_late(Outcome::TimedOut));
        let marks = judge(&waits, &terms).timeline.landmarks;
        assert!(marks.iter().any(|mark| mark.what == "last timeout" && mark.ms > ended), "{marks:?}");
    }

    #[test]
    fn a_wrong_status_is_not_called_a_loss() {
        let cases = [
            (Outcome::Answered { status: 503 }, "wrong answer (status 503)"),
            (Outcome::Unanswered { close: Close::Reset }, "loss"),
            (Outcome::CutInBody { close: Close::Eof }, "truncated answer"),
            (Outcome::TimedOut, "timeout"),
        ];
        for (outcome, name) in cases {
            let mut record = good();
            record.traffic.requests.extend([1_300_000, 1_400_000].map(|begun| request(begun, outcome)));
            let marks = judge(&record, &terms()).timeline.landmarks;
            let named =
                |word| marks.iter().filter(move |mark| mark.what.starts_with(word)).map(|mark| &*mark.what);
            assert_eq!(named("first").collect::<Vec<_>>(), [format!("first {name}")]);
            assert_eq!(
                named("last").filter(|what| *what != "last answer").collect::<Vec<_>>(),
                [format!("last {name}")]
            );
        }
    }
}
