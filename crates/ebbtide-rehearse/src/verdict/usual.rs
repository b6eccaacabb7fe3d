//! What is usual: the answers of each route before the signal, which those after it are compared with.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use super::Terms;
use super::reason::Reason;
use crate::record::{Answer, Framing, Outcome, ReadyState, Record, Request};

/// The usual answers of every route.
#[derive(Debug, Default)]
pub(super) struct Usual<'a> {
    routes: HashMap<(SocketAddr, &'a str), RouteSeen>,
    /// Statuses by which readiness announces the stop, and where.
    announced: Option<(SocketAddr, String, BTreeSet<u16>)>,
    allowed: BTreeSet<u16>,
}

/// What is to be made of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compared {
    /// As before.
    AsUsual,
    /// A status that announces the stop, or one that `--allow-status` names.
    Declined,
    /// It ends with the connection and has no usual length: a cut would not show.
    Unverified,
    /// It counts against the service.
    Unusual(Reason),
}

#[derive(Debug, Default)]
struct RouteSeen {
    by_status: HashMap<u16, Bodies>,
}

#[derive(Debug)]
struct Bodies {
    count: u64,
    least: u64,
    most: u64,
    digest: Option<u64>,
    location: Option<Option<u64>>,
}

/// So many equal bodies make one that never changes.
const ENOUGH: u64 = 5;

impl<'a> Usual<'a> {
    /// The usual answers in `record`.
    pub(super) fn of(record: &'a Record, terms: &Terms) -> Self {
        let mut usual = Self { allowed: terms.allow_status.iter().copied().collect(), ..Self::default() };
        usual.announced = terms.readiness.as_ref().map(|(at, path)| {
            let red = record.readiness.iter().filter_map(|look| match look.state {
                ReadyState::Red(status) => Some(status),
                _ => None,
            });
            (*at, format!(" {path}"), red.collect())
        });
        for request in record.traffic.requests.iter().filter(|request| request.ended < record.signalled) {
            if let (Outcome::Answered { status }, Some(answer)) = (request.outcome, &request.answer) {
                let route = usual.routes.entry((request.to, &request.route)).or_default();
                route
                    .by_status
                    .entry(status)
                    .and_modify(|seen| seen.add(answer))
                    .or_insert(Bodies::of(answer));
            }
        }
        usual
    }

    /// Whether `status` is an error, other than the one that the route answers as a rule.
    pub(super) fn is_error(&self, request: &Request, status: u16) -> bool {
        let rule = self.routes.get(&(request.to, &*request.route)).and_then(RouteSeen::rule);
        status >= 500 || (status >= 400 && rule.is_some_and(|rule| rule != status))
    }

    /// Compares the whole answer to `request`, which came after the signal, with the usual ones.
    pub(super) fn compare(&self, request: &Request, status: u16, answer: &Answer) -> Compared {
        if self.allowed.contains(&status) || self.announces(request, status) {
            return Compared::Declined;
        }
        if self.is_error(request, status) {
            return Compared::Unusual(Reason::Status(status));
        }
        let Some(route) = self.routes.get(&(request.to, &*request.route)) else {
            let ends_with_connection = answer.framing == Framing::Close;
            return if ends_with_connection { Compared::Unverified } else { Compared::AsUsual };
        };
        let Some(bodies) = route.by_status.get(&status) else {
            return Compared::Unusual(Reason::Status(status));
        };
        bodies.compare(answer)
    }

    fn announces(&self, request: &Request, status: u16) -> bool {
        self.announced.as_ref().is_some_and(|(at, path, statuses)| {
            *at == request.to && request.route.ends_with(path) && statuses.contains(&status)
        })
    }
}

impl RouteSeen {
    /// The status of most answers.
    fn rule(&self) -> Option<u16> {
        self.by_status.iter().max_by_key(|(_, bodies)| bodies.count).map(|(status, _)| *status)
    }
}

impl Bodies {
    fn of(answer: &Answer) -> Self {
        let Answer { length, digest, location, .. } = *answer;
        Self { count: 1, least: length, most: length, digest: Some(digest), location: Some(location) }
    }

    fn add(&mut self, answer: &Answer) {
        self.count = self.count.saturating_add(1);
        self.least = self.least.min(answer.length);
        self.most = self.most.max(answer.length);
        self.digest = self.digest.filter(|known| *known == answer.digest);
        self.location = self.location.filter(|known| *known == answer.location);
    }

    fn compare(&self, answer: &Answer) -> Compared {
        let fixed = self.least == self.most;
        let never_changes = self.digest.is_some() && self.count >= ENOUGH;
        if self.count >= ENOUGH && self.location.is_some_and(|known| known != answer.location) {
            return Compared::Unusual(Reason::OtherLocation);
        }
        match answer.framing {
            Framing::NoBody => Compared::AsUsual,
            Framing::Close if !fixed => Compared::Unverified,
            Framing::Close if answer.length < self.least => Compared::Unusual(Reason::CutUnframed),
            _ if answer.length == 0 && self.least > 0 => Compared::Unusual(Reason::Empty),
            _ if never_changes && answer.length != self.least => Compared::Unusual(Reason::OtherLength),
            _ => Compared::AsUsual,
        }
    }
}
