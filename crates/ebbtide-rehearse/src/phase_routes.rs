//! The phases of the protocol in which connections are held at the signal, each with its route.

use http::Method;

use super::load::PhaseRoute;
use super::record::{NO_MESSAGE_WITH_MS, NO_POST_ROUTE, NO_ROUTE_WITH_MS, Phase, Shape};
use super::scenario::{LoadPlan, Protocol, Route, ShapePlan};
use super::wire::Address;

/// The phases in which a connection is held at the signal, in the order of the output.
pub(super) const PHASES: [Phase; 9] = [
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
/// Those of HTTP/2, which has no order of responses on a connection.
const HTTP2_PHASES: [Phase; 6] =
    [Phase::Silent, Phase::HalfHead, Phase::HalfBody, Phase::Awaiting, Phase::Idle, Phase::AfterSignal];

/// Returns the phases to hold, each with its route or with the reason why it cannot be tried; or why there is no route for any. `plain` is
/// the route at `home` that an HTTP service answers to the end.
pub(super) fn phase_routes(
    plan: &LoadPlan,
    addresses: &[Address],
    home: &Address,
    plain: &Route,
) -> Result<Vec<PhaseRoute>, String> {
    if !plan.phases {
        return Ok(Vec::new());
    }
    let shapes: Vec<(&ShapePlan, (&Route, &Address))> =
        plan.shapes.iter().zip(addresses).map(|(shape, address)| (shape, (shape.route(), address))).collect();
    let lines = shapes.iter().filter(|(shape, _)| !shape.is_http());
    let lines = lines.map(|(_, (route, to))| (Phase::HalfLine, Ok(((*route).clone(), (*to).clone()))));
    let lines: Vec<PhaseRoute> = lines.collect();
    let streams = [Shape::Events, Shape::ClientStream, Shape::BidiStream];
    let is_stream = |shape: &ShapePlan| shape.is_call() && streams.contains(&shape.shape());
    let of_http = |(shape, _): &&(&ShapePlan, (&Route, &Address))| shape.is_http() && !is_stream(shape);
    let mut known: Vec<(&Route, &Address)> = shapes.iter().filter(of_http).map(|(_, known)| *known).collect();
    if known.is_empty() {
        // A stream of one message is a call as well. That of a service may be without end.
        let ends = |(shape, _): &&(&ShapePlan, _)| is_stream(shape) && shape.shape() != Shape::Events;
        known.extend(shapes.iter().filter(ends).map(|(_, known)| *known));
    }
    if known.is_empty() && !lines.is_empty() {
        return Ok(lines);
    }
    if known.is_empty() && shapes.iter().all(|(shape, _)| shape.is_call()) {
        return Err("no route but streams of the service".to_owned());
    }
    let at = |shape| shapes.iter().find(|(plan, _)| plan.shape() == shape).map(|(_, known)| *known);
    let usual = at(Shape::Keepalive).or_else(|| at(Shape::Storm)).or_else(|| at(Shape::Open));
    let usual = usual.or_else(|| known.iter().find(|(route, _)| route.call.is_some()).copied());
    let (route, to) = usual.unwrap_or((plain, home));
    let find = |wanted: &dyn Fn(&Route) -> bool, why: &str| {
        let found = known.iter().find(|(route, _)| wanted(route));
        found.map(|(route, to)| ((*route).clone(), (*to).clone())).ok_or_else(|| why.to_owned())
    };
    let is_call = |route: &Route| route.call.is_some();
    let has_body = |route: &Route| is_call(route) || !home.template.body_for(&route.method).is_empty();
    let takes_ms = |route: &Route| route.path.contains("{ms}") && route.method == Method::GET;
    let is_slow = |route: &Route| match &route.call {
        Some(call) => call.has_ms(),
        None => takes_ms(route),
    };
    let no_slow = if is_call(route) { NO_MESSAGE_WITH_MS } else { NO_ROUTE_WITH_MS };
    let http1 = to.template.protocol == Protocol::Http1;
    let phases = PHASES.into_iter().filter(|phase| http1 || HTTP2_PHASES.contains(phase));
    let routes = phases.map(|phase| {
        let route = match phase {
            Phase::HalfBody => find(&has_body, NO_POST_ROUTE),
            Phase::Awaiting => find(&is_slow, no_slow),
            Phase::Pipelined => find(&takes_ms, NO_ROUTE_WITH_MS),
            _ => Ok((route.clone(), to.clone())),
        };
        (phase, route)
    });
    Ok(routes.chain(lines).collect())
}
