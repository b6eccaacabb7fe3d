//! The baseline: the responses of each route before the signal, with which those after it are compared. A service that did not
//! work before the signal cannot be judged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Terms;
use super::fate::{Case, Reason};
use crate::record::{Answer, Endpoint, Framing, Outcome, Record, Request, Shape};
use crate::scenario::StopAt;
use crate::words;

/// With a larger share of failures among a route's requests before the signal, the run is not judged.
const TOLERATED: f64 = 0.1;
/// Fewer failures than this are ignored.
const FEW: u64 = 3;

/// Returns why `record` cannot be judged; `None`: the service worked before the signal.
pub(crate) fn broken(record: &Record, terms: &Terms) -> Option<String> {
    let case = Case::new(record, terms);
    // Of each route: how many ended before the signal, how many of those badly, and how the first of these did.
    let mut routes = BTreeMap::<&str, (u64, u64, Option<String>)>::new();
    let mut answered = 0_u64;
    let quick = |shape: &Shape| !shape.is_long();
    for judged in case.requests.iter().filter(|judged| !judged.after) {
        let (all, bad, how) = routes.entry(&judged.request.route).or_default();
        *all += 1;
        let failed = match (judged.reason(), judged.request.outcome) {
            (_, Outcome::Refused) => Some("connection refused".to_owned()),
            (_, Outcome::Unprocessed) => Some("refused by GOAWAY or REFUSED_STREAM".to_owned()),
            (_, Outcome::ConnectTimeout) => Some("connection neither accepted nor refused".to_owned()),
            (Some(reason), _) => Some(Reason::text(reason)),
            (None, _) => None,
        };
        match failed {
            Some(why) => {
                *bad += 1;
                how.get_or_insert(why);
            }
            None => answered += 1,
        }
    }
    for (route, (all, bad, how)) in &routes {
        if *bad >= FEW && *bad as f64 > *all as f64 * TOLERATED {
            let (bad, all) = (words::count(*bad), words::count(*all));
            let how = how.as_deref().unwrap_or_default();
            return Some(format!("{bad} of {all} requests of {route} failed before the signal ({how})"));
        }
    }
    let loaded = terms.at == StopAt::Load && terms.shapes.iter().any(quick);
    (loaded && answered == 0).then(|| "no request was answered before the signal".to_owned())
}

/// The usual answers of every route.
#[derive(Debug, Default)]
pub(super) struct Baseline<'a> {
    routes: HashMap<(&'a Endpoint, &'a str), RouteSeen>,
    /// The address and the path of readiness.
    readiness: Option<(&'a Endpoint, String)>,
    allowed: BTreeSet<u16>,
    /// Statuses that a route may always answer.
    expected: BTreeSet<u16>,
}

/// The result of comparing a response with the baseline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compared {
    /// As before.
    AsUsual,
    /// A status that announces the shutdown, or one that `--allow-status` names.
    Declined,
    /// It ends with the connection and has no usual length: truncation would not be detected.
    Unverified,
    /// It counts against the service.
    Unusual(Reason),
}

#[derive(Debug, Default)]
struct RouteSeen {
    by_status: BTreeMap<u16, RouteBodies>,
    /// The gRPC statuses.
    grpc: BTreeSet<u16>,
}

#[derive(Debug)]
struct RouteBodies {
    count: u64,
    least: u64,
    most: u64,
    digest: Option<u64>,
    location: Option<Option<u64>>,
}

/// Returns whether the gRPC status `code` is an error that `route` did not have before the signal. Without a baseline, an error is what
/// the server is to blame for: CANCELLED, UNKNOWN, INTERNAL, UNAVAILABLE and DATA_LOSS.
fn is_new_error(code: u16, route: Option<&RouteSeen>) -> bool {
    match route {
        Some(route) if !route.grpc.is_empty() => code != 0 && !route.grpc.contains(&code),
        _ => matches!(code, 1 | 2 | 13..=15),
    }
}

/// Service Unavailable: the status by which readiness announces the shutdown.
const ANNOUNCEMENT: u16 = 503;

/// The number of equal bodies from which a body counts as fixed.
const ENOUGH: u64 = 5;

impl<'a> Baseline<'a> {
    /// Returns the usual responses in `record`.
    pub(super) fn of(record: &'a Record, terms: &'a Terms) -> Self {
        let mut usual = Self {
            allowed: terms.allow_status.iter().copied().collect(),
            expected: terms.expect_status.iter().copied().collect(),
            ..Self::default()
        };
        usual.readiness = terms.readiness.as_ref().map(|(at, path)| (at, format!(" {path}")));
        for request in record.traffic.requests.iter().filter(|request| request.ended < record.stop_began()) {
            if let (Outcome::Answered { status }, Some(answer)) = (request.outcome, &request.answer) {
                let route = usual.routes.entry((&request.to, &request.route)).or_default();
                route.grpc.extend(answer.grpc_status);
                route
                    .by_status
                    .entry(status)
                    .and_modify(|seen| seen.add(answer))
                    .or_insert(RouteBodies::of(answer));
            }
        }
        usual
    }

    /// Whether `status` is an error, other than the one that the route answers as a rule. From 500 on that one is an error as well,
    /// unless it is declared.
    pub(super) fn is_error(&self, request: &Request, status: u16) -> bool {
        let rule = self.routes.get(&(&request.to, &*request.route)).and_then(RouteSeen::rule);
        match status {
            500.. => rule != Some(status) || !self.expected.contains(&status),
            400..500 => rule.is_some_and(|rule| rule != status),
            _ => false,
        }
    }

    /// Compares the whole answer to `request`, which came after the signal, with the usual ones.
    pub(super) fn compare(&self, request: &Request, status: u16, answer: &Answer) -> Compared {
        if self.allowed.contains(&status) || self.announces(request, status) {
            return Compared::Declined;
        }
        if self.is_error(request, status) {
            return Compared::Unusual(Reason::Status(status));
        }
        let route = self.routes.get(&(&request.to, &*request.route));
        if let Some(code) = answer.grpc_status.filter(|code| is_new_error(*code, route)) {
            return Compared::Unusual(Reason::GrpcStatus(code));
        }
        let Some(route) = route else {
            let ends_with_connection = answer.framing == Framing::Close;
            return if ends_with_connection { Compared::Unverified } else { Compared::AsUsual };
        };
        let Some(bodies) = route.by_status.get(&status) else {
            return Compared::Unusual(Reason::Status(status));
        };
        // A stream has as many events as there was time for.
        if request.shape == Shape::Events {
            let ends_with_connection = answer.framing == Framing::Close;
            return if ends_with_connection { Compared::Unverified } else { Compared::AsUsual };
        }
        bodies.compare(answer)
    }

    /// Returns whether readiness announces the shutdown by this answer, as it should. Another status is an error on that path as on
    /// any other, whether a probe has seen it or not.
    fn announces(&self, request: &Request, status: u16) -> bool {
        let is_readiness =
            |(at, path): &(&Endpoint, String)| **at == request.to && request.route.ends_with(path);
        status == ANNOUNCEMENT && self.readiness.as_ref().is_some_and(is_readiness)
    }
}

impl RouteSeen {
    /// The status of most answers, and the lowest of equally many: every judgement of a record is the same.
    fn rule(&self) -> Option<u16> {
        let most = self.by_status.iter().max_by_key(|(status, bodies)| (bodies.count, Reverse(**status)));
        most.map(|(status, _)| *status)
    }
}

impl RouteBodies {
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
            Framing::Close if answer.length < self.least => Compared::Unusual(Reason::TruncatedUnframed),
            _ if answer.length == 0 && self.least > 0 => Compared::Unusual(Reason::Empty),
            _ if never_changes && answer.length != self.least => Compared::Unusual(Reason::OtherLength),
            _ => Compared::AsUsual,
        }
    }
}
