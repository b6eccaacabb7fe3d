//! Whether a record has a baseline at all: a service that did not work before the signal cannot be judged.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::case::{Case, JudgedRequest};
use super::fate::Reason;
use crate::record::Outcome;
use crate::scenario::StopAt;
use crate::words;

/// With a larger share of failures among a route's requests before the signal, the run is not judged.
const TOLERATED: f64 = 0.1;
/// The quantile of the normal distribution for a confidence of 95 %.
const QUANTILE: f64 = 1.645;
/// Fewer failures than this are ignored.
const FEW: u64 = 3;
/// The most routes that are named.
const NAMED: usize = 3;

/// Why a record cannot be judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Unusable {
    pub(crate) why: String,
    /// What it suggests.
    pub(crate) suggests: Suggests,
}

/// What the failures of a baseline suggest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Suggests {
    /// The load is more than the service can carry.
    Load,
    /// The requests that failed only waited, while long ones were in flight on another route: its handlers probably block the threads
    /// that serve every route.
    Blocked,
    /// Nothing listens at the address: each connection was refused.
    Address,
    /// The route does not work: each request was answered with an error.
    Route,
}

/// The requests of one route at one address that ended before the signal.
#[derive(Default)]
struct RouteBefore {
    /// The route, and the address if it is not that of readiness.
    name: String,
    ended: u64,
    bad: u64,
    /// How many of the bad ones failed only by waiting.
    waited: u64,
    /// How many of the bad ones were refused connections.
    refused: u64,
    /// How many of the bad ones were answered, with an error.
    errors: u64,
    /// How the first bad one ended.
    how: String,
    /// Whether they were long ones.
    is_long: bool,
}

impl Case<'_> {
    /// Returns why the record cannot be judged; `None`: the service worked before the signal.
    pub(crate) fn unusable(&self) -> Option<Unusable> {
        let named =
            |(at, route)| RouteBefore { name: format!("{route}{}", self.at(at)), ..Default::default() };
        let mut routes: Vec<RouteBefore> = self.routes.keys().map(named).collect();
        for judged in self.requests.iter().filter(|judged| !judged.after) {
            if let Some(route) = routes.get_mut(judged.route) {
                route.add(judged);
            }
        }
        let answered: u64 = routes.iter().map(|route| route.ended - route.bad).sum();
        let mut failing: Vec<&RouteBefore> = routes.iter().filter(|route| route.is_broken()).collect();
        let waited = failing.iter().all(|route| route.waited == route.bad);
        // The worst first: a route that fails now and then may only suffer from the other. What only waited did so for a long request.
        failing
            .sort_by_key(|route| (waited && !route.is_long, Reverse(route.per_mille()), route.name.as_str()));
        let loaded = self.terms.at == StopAt::Load && self.terms.shapes.iter().any(|shape| !shape.is_long());
        let mut why = match failing.split_first() {
            Some((worst, others)) => describe(worst, others),
            None if loaded && answered == 0 => "no request was answered before the signal".to_owned(),
            None => return None,
        };
        let is_long = |long: bool| failing.iter().any(|route| route.is_long == long);
        let long = if waited { in_flight(self, &routes) } else { Vec::new() };
        if !long.is_empty() {
            why += &format!("; in flight meanwhile: {}", long.join(", "));
        }
        let is_blocked = !long.is_empty() || waited && is_long(true) && is_long(false);
        let worst = failing.first().filter(|route| route.bad == route.ended);
        let suggests = match worst {
            Some(worst) if worst.refused == worst.bad => Suggests::Address,
            Some(worst) if worst.errors == worst.bad => Suggests::Route,
            _ if is_blocked => Suggests::Blocked,
            _ => Suggests::Load,
        };
        Some(Unusable { why, suggests })
    }
}

impl RouteBefore {
    fn add(&mut self, judged: &JudgedRequest<'_>) {
        self.ended += 1;
        self.is_long |= judged.request.shape.is_long() && judged.request.phase.is_none();
        let how = match (judged.reason(), judged.request.outcome) {
            (_, Outcome::Refused) => "connection refused".to_owned(),
            (_, Outcome::Unprocessed) => "refused by GOAWAY or REFUSED_STREAM".to_owned(),
            (_, Outcome::ConnectTimeout) => "connection neither accepted nor refused".to_owned(),
            (Some(reason), _) => reason.text(),
            (None, _) => return,
        };
        if self.bad == 0 {
            self.how = how;
        }
        self.bad += 1;
        self.refused += u64::from(judged.request.outcome == Outcome::Refused);
        self.errors += u64::from(matches!(judged.reason(), Some(Reason::Status(_) | Reason::GrpcStatus(_))));
        let only_waited =
            judged.request.outcome == Outcome::ConnectTimeout || judged.reason() == Some(Reason::TimedOut);
        self.waited += u64::from(only_waited);
    }

    fn is_broken(&self) -> bool {
        self.bad >= FEW && least_share(self.bad as f64, self.ended as f64) > TOLERATED
    }

    fn per_mille(&self) -> u64 {
        self.bad.saturating_mul(1000) / self.ended.max(1)
    }
}

/// Returns the share of failures that `bad` of `all` requests show at least: the lower end of Wilson's interval. Of 22 requests, three fail
/// now and then if one in sixteen does.
fn least_share(bad: f64, all: f64) -> f64 {
    let (share, squared) = (bad / all, QUANTILE * QUANTILE);
    let spread = (share * (1.0 - share) / all + squared / (4.0 * all * all)).sqrt();
    (share + squared / (2.0 * all) - QUANTILE * spread) / (1.0 + squared / all)
}

fn describe(worst: &RouteBefore, others: &[&RouteBefore]) -> String {
    let count = |route: &RouteBefore| format!("{} of {}", words::count(route.bad), words::count(route.ended));
    let also: Vec<String> =
        others.iter().take(NAMED - 1).map(|route| format!("{} of {}", count(route), route.name)).collect();
    let also = if also.is_empty() { String::new() } else { format!(", and {}", also.join(", ")) };
    let RouteBefore { name, how, .. } = worst;
    format!("{} requests of {name} failed before the signal ({how}){also}", count(worst))
}

/// The long requests that were in flight at the signal, by route: `8 of GET /slow/{ms}`. Not those of routes that failed themselves.
fn in_flight(case: &Case<'_>, routes: &[RouteBefore]) -> Vec<String> {
    let began = case.record.stop_began();
    let mut counts = BTreeMap::<&str, u64>::new();
    let long = case.requests.iter().filter(|judged| {
        judged.request.shape.is_long() && judged.request.phase.is_none() && judged.in_flight_at(began)
    });
    for route in long.filter_map(|judged| routes.get(judged.route)).filter(|route| !route.is_broken()) {
        *counts.entry(&route.name).or_default() += 1;
    }
    counts.iter().take(NAMED).map(|(route, count)| format!("{} of {route}", words::count(*count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::{Endpoint, Record, Request, Shape};
    use crate::verdict::Terms;
    use crate::verdict::samples::{SIGNALLED, good, request, terms};

    fn of(route: &str, begun: u64, outcome: Outcome) -> Request {
        Request { route: route.into(), ..request(begun, outcome) }
    }

    /// A run in which four requests of each of `routes` ended before the signal as `outcome` says, and `slow` requests of
    /// `GET /slow/{ms}` were in flight.
    fn run(routes: &[&str], outcome: Outcome, slow: u64) -> Record {
        let mut record = good();
        let requests = &mut record.traffic.requests;
        requests.clear();
        for route in routes {
            requests.extend((0..4).map(|number| of(route, 800_000 + number, outcome)));
        }
        requests.extend((0..slow).map(|number| Request {
            shape: Shape::Slow,
            ended: At(SIGNALLED + 3_000_000),
            ..of("GET /slow/{ms}", 700_000 + number, Outcome::Answered { status: 200 })
        }));
        record
    }

    fn found(record: &Record) -> Unusable {
        Case::new(record, &terms()).unusable().unwrap()
    }

    #[test]
    fn lines_that_never_have_the_number_of_their_request_are_no_answers() {
        let mut record = good();
        record.traffic.requests = (0..3).map(|at| request(at, Outcome::Answered { status: 0 })).collect();
        for request in &mut record.traffic.requests {
            request.answer.as_mut().unwrap().no_number = true;
        }
        let why = found(&record).why;
        assert!(
            why.starts_with("3 of 3 requests of GET / failed before the signal (a line without"),
            "{why}"
        );
    }

    #[test]
    fn a_route_is_not_judged_by_failures_that_may_be_chance() {
        let broken = |bad, ended| RouteBefore { bad, ended, ..RouteBefore::default() }.is_broken();
        for (bad, enough) in [(3, 12), (4, 18), (20, 140)] {
            assert!(broken(bad, enough) && !broken(bad, enough + enough / 4), "{bad} of {enough}");
        }
        // The opposites: too few to say, and a share that is certain and tolerated.
        assert!(!broken(2, 2) && !broken(900, 10_000) && broken(1100, 10_000));
    }

    #[test]
    fn requests_that_wait_for_a_blocked_server_lead_to_the_route_that_blocks_it() {
        for outcome in [Outcome::TimedOut, Outcome::ConnectTimeout] {
            let found = found(&run(&["GET /"], outcome, 8));
            assert!(
                found.suggests == Suggests::Blocked
                    && found.why.starts_with("4 of 4 requests of GET / failed"),
                "{found:?}"
            );
            assert!(found.why.ends_with("; in flight meanwhile: 8 of GET /slow/{ms}"), "{found:?}");
        }
        // Nothing ended before the signal.
        let found = found(&run(&[], Outcome::TimedOut, 8));
        let why = "no request was answered before the signal; in flight meanwhile: 8 of GET /slow/{ms}";
        assert_eq!(found, Unusable { why: why.to_owned(), suggests: Suggests::Blocked });
    }

    #[test]
    fn a_long_request_that_waits_too_is_named_first() {
        let mut record = run(&["GET /"], Outcome::TimedOut, 0);
        let slow = || Request { shape: Shape::Slow, ..of("GET /slow/{ms}", 800_000, Outcome::TimedOut) };
        record.traffic.requests.extend([slow(), slow(), slow()]);
        let found = found(&record);
        assert!(
            found.suggests == Suggests::Blocked
                && found.why.starts_with("3 of 3 requests of GET /slow/{ms} failed"),
            "{found:?}"
        );
        assert!(found.why.ends_with(", and 4 of 4 of GET /"), "{found:?}");
    }

    #[test]
    fn a_route_that_fails_for_another_reason_is_not_explained_by_long_requests() {
        for (outcome, slow, suggests) in [
            (Outcome::Answered { status: 501 }, 8, Suggests::Route),
            (Outcome::Refused, 8, Suggests::Address),
            (Outcome::TimedOut, 0, Suggests::Load),
        ] {
            let mut record = run(&["GET /"], outcome, slow);
            let all = found(&record);
            assert!(all.suggests == suggests && !all.why.contains("meanwhile"), "{all:?}");
            // One that was answered shows that the load is what differs.
            record.traffic.requests.push(of("GET /", 800_000, Outcome::Answered { status: 200 }));
            assert_eq!(found(&record).suggests, Suggests::Load);
        }
    }

    #[test]
    fn a_path_at_an_address_where_nothing_listens_is_not_that_path_at_the_service() {
        let elsewhere: Endpoint = "127.0.0.1:18120".parse().unwrap();
        let mut record = run(&["GET /"], Outcome::Answered { status: 200 }, 0);
        record.traffic.requests.extend((0..40).map(|at| of("GET /", at, Outcome::Answered { status: 200 })));
        let home = record.traffic.requests.first().unwrap().to.clone();
        let refused = |number: u64| of("GET /", 800_000 + number, Outcome::Refused);
        let unheard = |to: &Endpoint| -> Vec<Request> {
            (0..4).map(|number| Request { to: to.clone(), ..refused(number) }).collect()
        };
        let mut other = record.clone();
        other.traffic.requests.extend(unheard(&elsewhere));
        // Whether the address of readiness is known or not.
        for readiness in [None, Some((home.clone(), "/".to_owned()))] {
            let terms = Terms { readiness, ..terms() };
            let found = Case::new(&other, &terms).unusable().unwrap();
            let why =
                "4 of 4 requests of GET / at 127.0.0.1:18120 failed before the signal (connection refused)";
            assert_eq!(found, Unusable { why: why.to_owned(), suggests: Suggests::Address });
        }
        // The opposite: as few refusals at the address of the service are chance.
        record.traffic.requests.extend(unheard(&home));
        assert_eq!(Case::new(&record, &terms()).unusable(), None);
    }

    #[test]
    fn an_address_is_named_if_it_is_not_that_of_readiness() {
        let refused = run(&["GET /"], Outcome::Refused, 0);
        let named = |readiness: &str| {
            let readiness = Some((readiness.parse().unwrap(), "/readyz".to_owned()));
            Case::new(&refused, &Terms { readiness, ..terms() }).unusable().unwrap().why
        };
        assert!(named("127.0.0.1:9090").starts_with("4 of 4 requests of GET / at 127.0.0.1:80 failed"));
        assert!(named("127.0.0.1:80").starts_with("4 of 4 requests of GET / failed"));
    }

    #[test]
    fn the_worst_route_comes_first_whatever_its_name() {
        let mut record = run(&["GET /z"], Outcome::Answered { status: 500 }, 0);
        let mixed = [200, 500, 500, 500].map(|status| of("GET /a", 900_000, Outcome::Answered { status }));
        record.traffic.requests.extend(mixed);
        let why = found(&record).why;
        assert!(why.starts_with("4 of 4 requests of GET /z failed before the signal (status 500"), "{why}");
        assert!(why.ends_with("), and 3 of 4 of GET /a"), "{why}");
    }

    #[test]
    fn a_service_that_answered_before_the_signal_has_a_baseline() {
        assert_eq!(Case::new(&good(), &terms()).unusable(), None);
        let few = run(&["GET /"], Outcome::Answered { status: 200 }, 8);
        assert_eq!(Case::new(&few, &terms()).unusable(), None);
    }
}
