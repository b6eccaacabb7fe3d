//! Turns the plan into the order of a load: its routes, its volume as the service's capacity permits, and the address of each
//! shape and each phase of the protocol.

use std::time::Duration;

use http::Method;

use super::calibrate::{calibrate, connections, fit};
use super::load::LoadOrder;
use super::phase_routes::{PHASES, phase_routes};
use super::place::address_of;
use super::probe::{Got, try_route};
use super::protocol::speaks_tls;
use super::record::Shape;
use super::scenario::{LoadPlan, Program, Route, Scenario};
use super::trouble::NotRehearsed;
use super::wire::Address;
use crate::clock::Clock;
use crate::words;

/// The number of connections that are held at once.
const HELD_CONNECTIONS: u32 = PHASES.len() as u32;
/// The maximum number of connections that are tried at once.
const CONNECTIONS: u32 = 300;
/// Common paths, in the order in which they are tried. No health paths, such as `/healthz` and `/livez`: their status or their
/// body changes at the signal by design.
pub(super) const USUAL: [&str; 4] = ["/", "/ping", "/version", "/index.html"];
/// Common paths that report the state of the service, tried after [`USUAL`]: a shutdown changes their bodies by design.
const STATE: [&str; 2] = ["/status", "/metrics"];
/// After this many tries without an answer no other path is tried: each may take its whole time.
const SILENT: u32 = 2;
/// The timeout of one try.
const TRY: Duration = Duration::from_secs(5);

/// Fits `plan` to the service. Returns why no connection can be held in the phases of the protocol, if so. A managed
/// service is not measured: it can serve the whole plan.
pub(super) async fn calibrated(
    plan: &mut LoadPlan,
    home: &Address,
    program: &Program,
    clock: Clock,
) -> Result<Option<String>, NotRehearsed> {
    if matches!(program, Program::Managed(_)) {
        return Ok(None);
    }
    let of = |shape| plan.shapes.iter().find(|plan| plan.shape() == shape);
    let Some(usual) = [Shape::Storm, Shape::Keepalive, Shape::Open].into_iter().find_map(of) else {
        return Ok(None);
    };
    let (route, to) = (usual.route().clone(), address_of(usual, home).await?);
    let phases = if plan.phases { HELD_CONNECTIONS } else { 0 };
    let served = if plan.fitted.any() {
        let sockets = u32::try_from(plan.sockets()).unwrap_or(u32::MAX);
        let capacity = calibrate(&to, &route, sockets.min(CONNECTIONS), clock).await;
        fit(plan, capacity);
        capacity.connections
    } else {
        connections(&to, &route, phases, clock).await
    };
    Ok(served.filter(|count| *count < phases.saturating_mul(2)).map(|count| {
        let count = words::plural(count.into(), "open connection", "open connections");
        format!("the service answers no further request beside {count}; each phase holds one")
    }))
}

/// Returns the load with every address resolved.
pub(super) async fn order(
    scenario: &Scenario,
    plan: LoadPlan,
    crowded: Option<String>,
    home: &Address,
    ready_path: Option<&str>,
    seed: u64,
) -> Result<LoadOrder, NotRehearsed> {
    let mut addresses = Vec::new();
    for plan in &plan.shapes {
        addresses.push(address_of(plan, home).await?);
    }
    // Readiness is red after the signal: phases are held on a route that is answered to the end, where one is known.
    let plain = match &scenario.program {
        Program::Managed(service) => service.steady_path(),
        Program::Command(_) | Program::Running(_) => ready_path.unwrap_or("/"),
    };
    let held = match crowded {
        Some(why) => Err(why),
        None => phase_routes(&plan, &addresses, home, &Route::get(plain)),
    };
    Ok(LoadOrder { plan, addresses, held, seed })
}

/// Sets every unset route of `plan` to the first common path that the service answers. Skips
/// `ready_path`, because its answer changes at the signal, unless it is `/`. The open loop sends POST requests to the path if
/// that is wanted and the service answers them. Returns the path if it is one that reports the state of the service, and no
/// route had it before: its bodies are not to be compared.
pub(super) async fn settle(
    plan: &mut LoadPlan,
    home: &Address,
    ready_path: Option<&str>,
) -> Result<Option<&'static str>, NotRehearsed> {
    let Some(method) = plan.routes_mut().find(|route| route.is_open()).map(|route| route.method.clone())
    else {
        return Ok(None);
    };
    let (mut seen, mut speaks_http, mut silent) = (Vec::new(), false, 0_u32);
    // A readiness URL without a path is the service's front page.
    let usual = USUAL.into_iter().chain(STATE).filter(|path| Some(*path) != ready_path || *path == "/");
    for path in usual {
        let route = Route { method: method.clone(), ..Route::get(path) };
        let answer = match try_route(home, &route, TRY).await {
            // Except at the root, only a status of 200 to 299 shows that the path exists.
            Got::Status(status)
                if matches!(status, 200..=299) || path == "/" && matches!(status, 300..=399) =>
            {
                let is_named = plan.shapes.iter().any(|shape| shape.route().path == path);
                choose(plan, &route, home).await;
                return Ok(Some(path).filter(|path| STATE.contains(path) && !is_named));
            }
            Got::Status(status) => {
                speaks_http = true;
                format!("answers {status}")
            }
            Got::Grpc => "answers a gRPC status".to_owned(),
            Got::Refused | Got::NotHttp(_) | Got::Tls(_) | Got::Nothing => {
                silent += 1;
                "gave no answer".to_owned()
            }
        };
        seen.push(format!("{} {answer}", route.label()));
        if silent >= SILENT {
            break;
        }
    }
    let seen = seen.join(", ");
    if speaks_tls(home).await {
        return Err(NotRehearsed::OverTls(seen));
    }
    Err(if speaks_http { NotRehearsed::NoRoute(seen) } else { NotRehearsed::NoHttp(seen) })
}

async fn choose(plan: &mut LoadPlan, found: &Route, home: &Address) {
    let post = Route { method: Method::POST, ..found.clone() };
    let posts = plan.posts && plan.route(Shape::Open).is_some_and(Route::is_open);
    let posts = posts && matches!(try_route(home, &post, TRY).await, Got::Status(200..=299));
    for shape in &mut plan.shapes {
        let is_open_loop = shape.shape() == Shape::Open;
        let route = shape.route_mut();
        if route.is_open() {
            *route = if posts && is_open_loop { post.clone() } else { found.clone() };
        }
    }
}
