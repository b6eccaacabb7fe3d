//! What became of each request, decided once: every count, check, table and headline reads it here.

use super::Terms;
use super::losses::{Group, groups};
use super::reason::Reason;
use super::usual::{Compared, Usual};
use crate::clock::At;
use crate::record::{Outcome, Record, Request};

/// What became of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Answered whole, as usual.
    Answered,
    /// Answered with a status that announces the stop, or that `--allow-status` names.
    Declined,
    /// Answered; a cut would not show.
    Unverified,
    /// It found no listener.
    Refused,
    /// Neither accepted nor refused within the limit.
    ConnectTimeout,
    /// Ended by our own clean-up, after the service had ended.
    CleanedUp,
    /// Its connection was accepted when no process of the service existed any more: by another program.
    Foreign,
    /// It counts against the service.
    Bad(Reason),
}

/// A request and what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'a> {
    pub(super) request: &'a Request,
    pub(super) fate: Fate,
    /// Whether it ended after the signal.
    pub(super) after: bool,
    /// Whether the shutdown is to blame for a bad end: it came after the signal, and more often than before.
    pub(super) blamed: bool,
}

impl Judged<'_> {
    /// Whether the service, or the kernel for it, accepted its connection.
    pub(super) fn accepted(&self) -> bool {
        !matches!(self.fate, Fate::Refused | Fate::ConnectTimeout | Fate::Foreign)
    }

    /// The reason of a bad end.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self.fate {
            Fate::Bad(reason) => Some(reason),
            _ => None,
        }
    }
}

/// All requests of a run, judged.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) record: &'a Record,
    pub(super) terms: &'a Terms,
    pub(super) requests: Vec<Judged<'a>>,
    pub(super) groups: Vec<Group<'a>>,
}

impl<'a> Case<'a> {
    /// Judges each request of `record`.
    pub(super) fn new(record: &'a Record, terms: &'a Terms) -> Self {
        let usual = Usual::of(record, terms);
        let mut requests: Vec<Judged<'a>> = record
            .traffic
            .requests
            .iter()
            .map(|request| {
                let after = is_after(request, record.signalled);
                Judged { request, fate: fate(request, after, record, &usual), after, blamed: false }
            })
            .collect();
        let groups = groups(&mut requests);
        Self { record, terms, requests, groups }
    }

    /// How many requests the shutdown lost, truncated, let time out or answered wrongly.
    pub(super) fn lost(&self) -> u64 {
        self.requests.iter().filter(|judged| judged.blamed).count() as u64
    }
}

/// Whether `request` belongs to the time after the signal. A connection that was never accepted is as old as its first SYN.
fn is_after(request: &Request, signalled: At) -> bool {
    let at = if request.outcome == Outcome::ConnectTimeout { request.begun } else { request.ended };
    at >= signalled
}

fn fate(request: &Request, after: bool, record: &Record, usual: &Usual<'_>) -> Fate {
    match (request.outcome, &request.answer) {
        (Outcome::Refused, _) => Fate::Refused,
        (Outcome::ConnectTimeout, _) => Fate::ConnectTimeout,
        _ if record.had_ended(request.opened) => Fate::Foreign,
        (Outcome::Answered { status }, Some(answer)) if after => {
            match usual.compare(request, status, answer) {
                Compared::AsUsual => Fate::Answered,
                Compared::Declined => Fate::Declined,
                Compared::Unverified => Fate::Unverified,
                Compared::Unusual(reason) => Fate::Bad(reason),
            }
        }
        (Outcome::Answered { status }, _) if usual.is_error(request, status) => {
            Fate::Bad(Reason::Status(status))
        }
        (Outcome::Answered { .. }, _) => Fate::Answered,
        _ if record.cleaned_up.is_some_and(|at| request.ended >= at) => Fate::CleanedUp,
        _ => Reason::unanswered(request).map_or(Fate::Answered, Fate::Bad),
    }
}
