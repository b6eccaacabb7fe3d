//! What a picture of a run shows: each request with its judged outcome, and the states of service and probes over time.

use serde::Serialize;

use super::case::{Case, JudgedRequest};
use super::checks::listener::{first_red, first_refusal};
use super::fate::{Column, Doubt, Fate};
use super::{Landmark, Terms, Timeline};
use crate::clock::At;
use crate::record::{Outcome, Phase, ReadySample, Record, Shape};

/// A run as a picture shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct Picture<'a> {
    /// Every request, by the time at which it began.
    pub requests: Vec<PicturedRequest<'a>>,
    /// The events of the timeline.
    pub landmarks: Vec<Landmark>,
    /// When readiness turned red after the signal.
    pub unready: Option<At>,
    /// When the listener first refused a connection after the signal.
    pub listener_closed: Option<At>,
    /// The polls of the readiness URL.
    pub readiness: &'a [ReadySample],
    /// The phases of the service's own report, with the milliseconds from the signal at which each began.
    pub phases: Vec<(String, f64)>,
}

/// One request of a picture.
#[derive(Clone, PartialEq, Debug)]
pub struct PicturedRequest<'a> {
    /// The number in the `x-ebbtide-request` header.
    pub id: u64,
    /// The load it belongs to.
    pub shape: Shape,
    /// The protocol phase it was held in at the signal.
    pub phase: Option<Phase>,
    /// Method and path.
    pub route: &'a str,
    /// Whether it was the first request of its connection.
    pub fresh: bool,
    /// When its client began.
    pub begun: At,
    /// When its outcome could be read: at the latest when the last process of the service ended.
    pub ended: At,
    /// The judged outcome.
    pub class: OutcomeClass,
    /// Whether the shutdown is to blame for it.
    pub blamed: bool,
    /// The outcome in words.
    pub what: String,
}

/// The judged outcome of a request, as the tables count it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeClass {
    /// Answered whole, as before the signal.
    Answered,
    /// Answered with a status that announces the shutdown or is allowed.
    Declined,
    /// The connection was refused, or the request by GOAWAY or REFUSED_STREAM.
    Refused,
    /// Neither accepted nor refused in time.
    NoAccept,
    /// Accepted, and closed with no response byte.
    Lost,
    /// The response began and did not finish.
    Truncated,
    /// Accepted, and no whole response in time.
    TimedOut,
    /// Answered otherwise than before the signal.
    Wrong,
    /// Ended by the clean-up of the rehearsal, or accepted by another program.
    NotJudged,
}

impl OutcomeClass {
    /// Every class, in the order of a legend.
    pub const ALL: [Self; 9] = [
        Self::Answered,
        Self::Declined,
        Self::Refused,
        Self::NoAccept,
        Self::Lost,
        Self::Truncated,
        Self::TimedOut,
        Self::Wrong,
        Self::NotJudged,
    ];

    /// Returns the name in a legend.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Declined => "declined",
            Self::Refused => "refused",
            Self::NoAccept => "no accept",
            Self::Lost => "lost",
            Self::Truncated => "truncated",
            Self::TimedOut => "timed out",
            Self::Wrong => "wrong",
            Self::NotJudged => "not judged",
        }
    }
}

impl<'a> Picture<'a> {
    /// Returns the picture of a run, judged by `terms`.
    pub fn of(record: &'a Record, terms: &'a Terms) -> Self {
        let case = Case::new(record, terms);
        let mut requests: Vec<_> = case.requests.iter().map(|judged| pictured(judged, record)).collect();
        requests.sort_by_key(|request| request.begun);
        Self {
            requests,
            landmarks: Timeline::of(&case).landmarks,
            unready: first_red(&case).map(|look| record.poll_readable_at(look)),
            listener_closed: first_refusal(&case),
            readiness: &record.readiness,
            phases: phases(record),
        }
    }
}

fn pictured<'a>(judged: &JudgedRequest<'a>, record: &Record) -> PicturedRequest<'a> {
    let request = judged.request;
    let class = match judged.fate {
        Fate::Answered | Fate::Unverified(_) => OutcomeClass::Answered,
        Fate::Declined => OutcomeClass::Declined,
        Fate::Refused | Fate::RefusedEarly | Fate::Unprocessed => OutcomeClass::Refused,
        Fate::ConnectTimeout => OutcomeClass::NoAccept,
        Fate::CleanedUp | Fate::Foreign => OutcomeClass::NotJudged,
        Fate::Bad(reason) => match reason.column() {
            Column::Lost => OutcomeClass::Lost,
            Column::Truncated => OutcomeClass::Truncated,
            Column::TimedOut => OutcomeClass::TimedOut,
            Column::Wrong => OutcomeClass::Wrong,
        },
    };
    let what = match (judged.fate, request.outcome) {
        (Fate::Bad(reason), _) => reason.text(),
        (Fate::CleanedUp, _) => "ended by the clean-up of the rehearsal".to_owned(),
        (Fate::Foreign, _) => "accepted by another program, after the service had ended".to_owned(),
        (Fate::Refused, _) => "connection refused".to_owned(),
        (Fate::RefusedEarly, _) => {
            "connection refused while the platform still routed to the service".to_owned()
        }
        (Fate::Unprocessed, _) => {
            "refused by GOAWAY or REFUSED_STREAM: not processed, safe to retry".to_owned()
        }
        (Fate::ConnectTimeout, _) => "connection neither accepted nor refused".to_owned(),
        (Fate::Unverified(doubt), Outcome::Answered { status }) => {
            let why = match doubt {
                Doubt::Unframed => "truncation would not be detected",
                Doubt::Body => "another body than before the signal",
                Doubt::Unseen => "no answer of this route before the signal",
            };
            format!("status {status}; {why}")
        }
        (Fate::Declined, Outcome::Answered { status }) => format!("status {status}, which is accepted"),
        (_, Outcome::Answered { status: 0 }) => "answered".to_owned(),
        (_, Outcome::Answered { status }) => format!("status {status}"),
        (_, _) => "no answer".to_owned(),
    };
    let crate::record::Request { id, shape, phase, fresh, begun, .. } = *request;
    let ended = record.readable_at(request);
    let blamed = judged.blamed;
    PicturedRequest { id, shape, phase, route: &request.route, fresh, begun, ended, class, blamed, what }
}

/// The phases of the report that a service built on the library writes. Their times begin at the first phase, and the signal is the
/// first one after `ready`.
fn phases(record: &Record) -> Vec<(String, f64)> {
    let listed =
        record.report.as_ref().and_then(|report| report.get("phases")).and_then(|all| all.as_array());
    let all: Vec<(&str, f64)> = listed
        .into_iter()
        .flatten()
        .filter_map(|change| Some((change.get("phase")?.as_str()?, change.get("at_ms")?.as_f64()?)))
        .collect();
    let begun = all.iter().position(|(phase, _)| !matches!(*phase, "starting" | "ready"));
    let stopping = begun.and_then(|at| all.get(at..)).unwrap_or_default();
    let Some((_, origin)) = stopping.first() else { return Vec::new() };
    stopping.iter().map(|(phase, at)| ((*phase).to_owned(), at - origin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Close;
    use crate::verdict::judge;
    use crate::verdict::samples::{good, request, terms};

    #[test]
    fn a_picture_has_every_request_with_the_outcome_that_the_counts_have() {
        let mut record = good();
        record.traffic.requests.push(request(1_400_000, Outcome::Unanswered { close: Close::Reset }));
        let terms = terms();
        let (verdict, picture) = (judge(&record, &terms), Picture::of(&record, &terms));
        let count = |class| picture.requests.iter().filter(|request| request.class == class).count() as u64;
        assert_eq!(picture.requests.len() as u64, verdict.requests.sent);
        assert_eq!(count(OutcomeClass::Answered), verdict.requests.answered);
        assert_eq!(count(OutcomeClass::Refused), verdict.requests.refused);
        assert_eq!(count(OutcomeClass::Lost), verdict.requests.lost);
        let blamed = picture.requests.iter().filter(|request| request.blamed).count() as u64;
        assert_eq!(blamed, verdict.lost_by_shutdown);
        assert!(picture.requests.is_sorted_by_key(|request| request.begun));
        assert_eq!(picture.listener_closed, Some(At(1_501_000)));
    }

    #[test]
    fn the_phases_of_a_report_begin_at_the_signal() {
        let report = serde_json::json!({"phases": [
            {"phase": "starting", "at_ms": 0.0}, {"phase": "ready", "at_ms": 3}, {"phase": "lame_duck", "at_ms": 1003.5},
            {"phase": "draining", "at_ms": 1503.5}, {"odd": 1},
        ]});
        let record = Record { report: Some(report), ..good() };
        let expected = [("lame_duck".to_owned(), 0.0), ("draining".to_owned(), 500.0)];
        assert_eq!(phases(&record), expected);
        assert_eq!(phases(&good()), []);
    }
}
