//! The shapes of the load: how many clients each has, and along which route.

use ebbtide_rehearse::{Fitted, Ready, Route, SHORT_THINK, Shape, ShapePlan};
use http::Method;

use super::args::RehearseArgs;
use super::plan::{BadPlan, method};

/// Returns which numbers are fitted to the service: those that were not given. None for the demo, whose load is known.
pub(super) fn fitted(args: &RehearseArgs) -> Fitted {
    let fitted = |given: Option<u32>| given.is_none() && !args.demo;
    Fitted { storm: fitted(args.storm), keepalive: fitted(args.keepalive), open: fitted(args.open) }
}

/// The maximum number of clients, and the maximum rate, of a load whose numbers are not given.
const STORM: u32 = 64;
const KEEPALIVE: u32 = 200;
const OPEN: u32 = 100;

/// The shapes whose number of clients is that of `--held`.
pub(super) const HELD: [Shape; 7] = [
    Shape::Websocket,
    Shape::Events,
    Shape::Download,
    Shape::Upload,
    Shape::ClientStream,
    Shape::BidiStream,
    Shape::Tcp,
];

/// Returns the shapes of the load, each with its route.
pub(super) fn shapes(args: &RehearseArgs) -> Result<Vec<ShapePlan>, BadPlan> {
    let mut shapes = Vec::new();
    let think = args.think;
    let speaks_http = speaks_http(args)?;
    let usual = |shape, given: Option<u32>, usual| {
        given.unwrap_or(if speaks_http || has_url(args, shape) { usual } else { 0 })
    };
    let storm = usual(Shape::Storm, args.storm, STORM);
    let keepalive = usual(Shape::Keepalive, args.keepalive, KEEPALIVE);
    let open = usual(Shape::Open, args.open, OPEN);
    if storm > 0 {
        shapes.push(ShapePlan::Storm { clients: storm, rate: None, route: route(args, Shape::Storm)? });
    }
    if keepalive > 0 {
        let route = route(args, Shape::Keepalive)?;
        shapes.push(ShapePlan::Keepalive { clients: keepalive, think, route });
    }
    let has_slow = args.demo || has_url(args, Shape::Slow);
    let slow = args.slow.unwrap_or(if has_slow { 8 } else { 0 });
    if slow > 0 {
        let route = route(args, Shape::Slow)?;
        shapes.push(ShapePlan::Slow { clients: slow, time: args.slow_time, route });
    }
    if open > 0 {
        shapes.push(ShapePlan::Open { rate: open, route: route(args, Shape::Open)? });
    }
    let has_orders = args.demo || has_url(args, Shape::Orders);
    let orders = args.orders.unwrap_or(if has_orders { 4 } else { 0 });
    if orders > 0 {
        let route = route(args, Shape::Orders)?;
        shapes.push(ShapePlan::Orders { clients: orders, think: SHORT_THINK, route });
    }
    for shape in HELD {
        if has_url(args, shape) && args.held > 0 {
            let (clients, route) = (args.held, route(args, shape)?);
            shapes.push(match shape {
                Shape::Websocket => ShapePlan::Websocket { clients, think, route },
                Shape::Events => ShapePlan::Events { clients, route },
                Shape::ClientStream => {
                    ShapePlan::ClientStream { clients, time: args.slow_time, think, route }
                }
                Shape::BidiStream => ShapePlan::BidiStream { clients, time: args.slow_time, think, route },
                Shape::Tcp => ShapePlan::Tcp { clients, think, route },
                Shape::Upload => ShapePlan::Upload { clients, time: args.slow_time, route },
                _ => ShapePlan::Download { clients, time: args.slow_time, route },
            });
        }
    }
    Ok(shapes)
}

/// Returns whether the service may have a path that a GET finds. It has none if its readiness is a port, and each URL is one of lines or a
/// call of gRPC.
fn speaks_http(args: &RehearseArgs) -> Result<bool, BadPlan> {
    let is_port = matches!(args.ready, Some(Ready::Port(_)));
    for url in args.url.iter().filter(|_| is_port) {
        if url.shape != Shape::Tcp && url.route(&method(args))?.call.is_none() {
            return Ok(true);
        }
    }
    Ok(!is_port || args.url.is_empty())
}

fn has_url(args: &RehearseArgs, shape: Shape) -> bool {
    args.url.iter().any(|url| url.shape == shape)
}

/// Returns the route of `shape`: the given one, or else the demo's, or else one that is searched for when the service is ready.
fn route(args: &RehearseArgs, shape: Shape) -> Result<Route, BadPlan> {
    let method = method(args);
    let mut given = args.url.iter().filter(|url| url.shape == shape);
    match (given.next(), given.next()) {
        (Some(_), Some(_)) => return Err(BadPlan::TwoRoutes(shape)),
        (Some(url), None) => return Ok(url.route(&method)?),
        (None, _) => {}
    }
    let path = match (args.demo, shape) {
        (true, Shape::Slow) => "/slow?ms={ms}",
        (true, Shape::Orders) => return Ok(Route { method: Method::POST, ..Route::get("/orders") }),
        (true, _) => "/ping",
        (false, Shape::Storm | Shape::Keepalive | Shape::Open) => {
            return Ok(Route { method, ..Route::to_be_found() });
        }
        (false, _) => return Err(BadPlan::NoRoute(shape)),
    };
    Ok(Route::get(path))
}
