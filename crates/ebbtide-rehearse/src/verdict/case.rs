//! The judged outcome of each request, decided once: every count, check, table and headline reads it here.

use std::collections::BTreeMap;
use std::ops::Add as _;

use super::baseline::{Baseline, Compared};
use super::counts::Tally;
use super::fate::{Fate, Reason};
use super::losses::{LossGroup, groups};
use super::route_table::RouteTable;
use super::{Counts, Terms};
use crate::clock::At;
use crate::record::{Endpoint, Outcome, Record, Request, Shape};
use crate::scenario::StopAt;

/// A request with its judged outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct JudgedRequest<'a> {
    pub(super) request: &'a Request,
    /// The number of its route in [`Case::routes`].
    pub(super) route: usize,
    pub(super) fate: Fate,
    /// Whether it ended after the stop had begun: with the signal, or with what precedes it.
    pub(super) after: bool,
    /// Whether it ended after a second signal.
    pub(super) second: bool,
    /// Whether the shutdown is to blame for a bad end: it came after the signal, and more often than before.
    pub(super) blamed: bool,
}

impl JudgedRequest<'_> {
    /// Whether the service, or the kernel for it, accepted its connection.
    pub(super) fn accepted(&self) -> bool {
        !matches!(self.fate, Fate::Refused | Fate::RefusedEarly | Fate::ConnectTimeout | Fate::Foreign)
    }

    /// Whether it was accepted before the signal and ended after it.
    pub(super) fn in_flight_at(&self, signalled: At) -> bool {
        let spans = self.request.begun < signalled && self.request.ended >= signalled;
        self.accepted() && self.fate != Fate::Unprocessed && spans
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
pub(crate) struct Case<'a> {
    pub(super) record: &'a Record,
    pub(super) terms: &'a Terms,
    pub(super) requests: Vec<JudgedRequest<'a>>,
    pub(super) routes: RouteTable<'a>,
    /// The results of each route, by its number.
    pub(super) by_route: Vec<Tally>,
    pub(super) by_shape: BTreeMap<Shape, Tally>,
    pub(super) groups: Vec<LossGroup<'a>>,
    /// The numbers of the routes whose bodies varied before the signal: those after it are not compared.
    pub(super) varying: Vec<usize>,
}

impl<'a> Case<'a> {
    /// Judges each request of `record`.
    pub(crate) fn new(record: &'a Record, terms: &'a Terms) -> Self {
        let (routes, route_of) = RouteTable::of(&record.traffic.requests);
        let usual = Baseline::of(record, terms, (&routes, &route_of));
        let began = record.stop_began();
        let mut by_route: Vec<Tally> = routes.numbers().map(|_| Tally::default()).collect();
        let mut by_shape = BTreeMap::<Shape, Tally>::new();
        let mut judge = |(request, route): (&'a Request, usize)| {
            let after = is_after(request, began);
            let second = after && record.second_signal.is_some_and(|at| request.ended >= at);
            let fate = match fate((request, route), after, record, &usual) {
                Fate::Refused if after && is_routed(request, record, terms) => Fate::RefusedEarly,
                fate => fate,
            };
            let blamed = fate == Fate::RefusedEarly;
            let judged = JudgedRequest { request, route, fate, after, second, blamed };
            if let Some(tally) = by_route.get_mut(route) {
                tally.add(&judged, record);
            }
            by_shape.entry(request.shape).or_default().add(&judged, record);
            judged
        };
        let mut requests: Vec<JudgedRequest<'a>> =
            record.traffic.requests.iter().zip(route_of).map(&mut judge).collect();
        let groups = groups(record, &mut requests);
        let varying = usual.varying().collect();
        Self { record, terms, requests, routes, by_route, by_shape, groups, varying }
    }

    /// Returns the counts of all requests.
    pub(super) fn counts(&self) -> Counts {
        self.by_shape.values().map(Tally::all).fold(Counts::default(), Counts::add)
    }

    /// Returns the counts of the requests that ended before the stop began.
    pub(super) fn before(&self) -> Counts {
        self.by_shape.values().map(|tally| tally.before).fold(Counts::default(), Counts::add)
    }

    /// Returns ` at ADDRESS` for a route at another address than readiness, or at one of several if that is not known; otherwise nothing.
    pub(super) fn at(&self, address: &Endpoint) -> String {
        let is_usual = match &self.terms.readiness {
            Some((readiness, _)) => readiness == address,
            None => self.routes.addresses().len() <= 1,
        };
        if is_usual { String::new() } else { format!(" at {address}") }
    }

    /// Returns the number of requests that the shutdown lost, truncated, let time out or answered wrongly, and of connections that it
    /// refused too early.
    pub(super) fn lost(&self) -> u64 {
        self.requests.iter().filter(|judged| judged.blamed).count() as u64
    }

    /// Returns how many of these ended after the second signal.
    pub(super) fn lost_after_second_signal(&self) -> u64 {
        self.requests.iter().filter(|judged| judged.blamed && judged.second).count() as u64
    }
}

/// Whether the platform may still have routed `request` to the service when it was sent.
fn is_routed(request: &Request, record: &Record, terms: &Terms) -> bool {
    let is_set = terms.at == StopAt::Load && !terms.min_lame_duck.is_zero();
    is_set && request.begun < record.stop_began() + terms.min_lame_duck
}

/// Whether `request` belongs to the time after the beginning of the stop. A connection that was never accepted is as old as its first
/// SYN.
fn is_after(request: &Request, began: At) -> bool {
    let at = if request.outcome == Outcome::ConnectTimeout { request.begun } else { request.ended };
    at >= began
}

/// Whether a message of a call that streams both ways has no answer.
fn is_unanswered(request: &Request) -> bool {
    request.shape == Shape::BidiStream && request.progress.is_some_and(|messages| messages.done < messages.of)
}

fn fate((request, route): (&Request, usize), after: bool, record: &Record, usual: &Baseline<'_>) -> Fate {
    match (request.outcome, &request.answer) {
        (Outcome::Refused, _) => Fate::Refused,
        (Outcome::ConnectTimeout, _) => Fate::ConnectTimeout,
        _ if record.had_ended(request.opened) => Fate::Foreign,
        (Outcome::Unprocessed, _) => Fate::Unprocessed,
        (Outcome::Answered { .. }, Some(answer)) if answer.open_grpc => Fate::Bad(Reason::NoGrpcStatus),
        (Outcome::Answered { .. }, Some(answer))
            if answer.grpc_status == Some(0) && is_unanswered(request) =>
        {
            Fate::Bad(Reason::NoReply)
        }
        (Outcome::Answered { .. }, Some(answer)) if answer.no_number => Fate::Bad(Reason::NoNumber),
        (Outcome::Answered { .. }, Some(answer)) if answer.open_event => Fate::Bad(Reason::CutInEvent),
        (Outcome::Answered { status }, Some(answer)) if after => {
            match usual.compare((request, route), status, answer) {
                Compared::AsUsual => Fate::Answered,
                Compared::Declined => Fate::Declined,
                Compared::Unverified(doubt) => Fate::Unverified(doubt),
                Compared::Unusual(reason) => Fate::Bad(reason),
            }
        }
        (Outcome::Answered { status }, _) if usual.is_error(route, status) => {
            Fate::Bad(Reason::Status(status))
        }
        (Outcome::Answered { .. }, _) => Fate::Answered,
        _ if record.cleaned_up.is_some_and(|at| request.ended >= at) => Fate::CleanedUp,
        _ => Reason::unanswered(request).map_or(Fate::Answered, Fate::Bad),
    }
}
