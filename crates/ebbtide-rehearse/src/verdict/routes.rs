//! The results of each route: what the clients of every shape sent to it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::case::Case;
use super::counts::Tally;
use super::{Counts, Latency};
use crate::record::Endpoint;

/// The results of one route at one address, over all shapes of load.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RouteSummary {
    /// Method and path; `{ms}` stands for the duration of a slow request.
    pub route: String,
    /// The address that the requests were sent to.
    pub address: Endpoint,
    /// Those that ended before the signal: the baseline.
    pub before: Counts,
    /// Those that ended after it.
    pub after: Counts,
    /// How many were accepted and not yet answered at the signal.
    pub in_flight_at_signal: u64,
    /// Latency of the answered requests, from the time they were due. `None`: none was answered.
    pub latency_ms: Option<Latency>,
}

impl RouteSummary {
    /// Sums the routes of several runs. Each quantile is the worst of all runs.
    pub fn sum<'a>(routes: impl IntoIterator<Item = &'a Self>) -> Vec<Self> {
        let mut sums = BTreeMap::<(&str, &Endpoint), Self>::new();
        for one in routes {
            sums.entry((&one.route, &one.address))
                .and_modify(|sum| {
                    sum.before = sum.before + one.before;
                    sum.after = sum.after + one.after;
                    sum.in_flight_at_signal = sum.in_flight_at_signal.saturating_add(one.in_flight_at_signal);
                    sum.latency_ms = Latency::worst([sum.latency_ms, one.latency_ms]);
                })
                .or_insert_with(|| one.clone());
        }
        sums.into_values().collect()
    }
}

/// Returns a summary of each route, by name.
pub(super) fn routes(case: &Case<'_>) -> Vec<RouteSummary> {
    let summary = |((address, route), tally): ((&Endpoint, &str), &Tally)| RouteSummary {
        route: route.to_owned(),
        address: address.clone(),
        before: tally.before,
        after: tally.after,
        in_flight_at_signal: tally.in_flight_at_signal,
        latency_ms: tally.latency(),
    };
    let mut routes: Vec<RouteSummary> = case.routes.keys().zip(&case.by_route).map(summary).collect();
    routes.sort_by(|one, other| (&one.route, &one.address).cmp(&(&other.route, &other.address)));
    routes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;
    use crate::verdict::samples::{good, request, terms};

    #[test]
    fn the_routes_of_a_run_have_all_its_requests() {
        let mut record = good();
        let mut other = request(950_000, Outcome::Answered { status: 200 });
        other.route = "POST /orders".into();
        record.traffic.requests.push(other);
        let terms = terms();
        let case = Case::new(&record, &terms);
        let routes = routes(&case);
        assert_eq!(routes.iter().map(|route| &*route.route).collect::<Vec<_>>(), ["GET /", "POST /orders"]);
        let sum = routes.iter().fold(Counts::default(), |sum, route| sum + route.before + route.after);
        assert_eq!(sum, case.counts());
        assert_eq!(routes[0].in_flight_at_signal, 1);
        let twice = RouteSummary::sum(routes.iter().chain(&routes));
        assert_eq!(twice.len(), 2);
        assert_eq!(twice[0].before, routes[0].before + routes[0].before);
        assert_eq!(twice[0].latency_ms, routes[0].latency_ms);
    }
}
