//! Which route each phase of the protocol is tried on.

use http::Method;

use super::load::{Address, Hold};
use super::record::{Phase, Shape};
use super::scenario::{LoadPlan, Route};

const PHASES: [Phase; 9] = [
    Phase::Silent,
    Phase::HalfHead,
    Phase::HalfBody,
    Phase::Awaiting,
    Phase::HalfRead,
    Phase::Idle,
    Phase::SecondHalfSent,
    Phase::Pipelined,
    Phase::AfterSignal,
];

/// The phases that are to be held, each with its route or with the reason why it cannot be tried.
pub(super) fn held(plan: &LoadPlan, addresses: &[Address], home: &Address, plain: &Route) -> Vec<Hold> {
    if !plan.phases {
        return Vec::new();
    }
    let known: Vec<(&Route, &Address)> = plan
        .shapes
        .iter()
        .zip(addresses)
        .filter_map(|(shape, address)| Some((plan.route(shape.shape())?, address)))
        .collect();
    let find = |wanted: &dyn Fn(&Route) -> bool, why: &str| {
        let found = known.iter().find(|(route, _)| wanted(route));
        found.map(|(route, to)| ((*route).clone(), (*to).clone())).ok_or_else(|| why.to_owned())
    };
    let at = |shape| plan.shapes.iter().position(|plan| plan.shape() == shape).and_then(|at| known.get(at));
    let usual = at(Shape::Keepalive).or_else(|| at(Shape::Storm)).or_else(|| at(Shape::Open));
    let usual = usual.map_or((plain, home), |(route, to)| (*route, *to));
    PHASES
        .into_iter()
        .map(|phase| {
            let route = match phase {
                Phase::HalfBody => find(&|route| route.method == Method::POST, "no POST route: see --url"),
                Phase::Awaiting | Phase::Pipelined => find(
                    &|route| route.path.contains("{ms}") && route.method == Method::GET,
                    "no route with {ms}: see --url",
                ),
                _ => Ok((usual.0.clone(), usual.1.clone())),
            };
            (phase, route)
        })
        .collect()
}
