//! Which route the load goes to when nobody chose one.

use std::net::SocketAddr;
use std::time::Duration;

use super::probe::{Got, get};
use super::scenario::{LoadPlan, Route};
use super::trouble::NotRehearsed;

/// What services usually answer, in the order in which it is tried. Not `/health` and `/healthz`: in many services they are
/// other names of the readiness path, and turn red at the signal by design.
const USUAL: [&str; 7] = ["/", "/ping", "/livez", "/status", "/version", "/index.html", "/metrics"];
/// How long one try may take.
const TRY: Duration = Duration::from_secs(5);

/// Gives every route of `plan` that is still open the first usual path that the service answers and that is not
/// `ready_path`, whose answer is to change at the signal.
pub(super) async fn settle(
    plan: &mut LoadPlan,
    socket: SocketAddr,
    authority: &str,
    ready_path: Option<&str>,
) -> Result<(), NotRehearsed> {
    if !plan.routes_mut().any(|route| route.is_open()) {
        return Ok(());
    }
    let mut seen = Vec::new();
    // A readiness URL without a path of its own is the service's front page.
    let usual = USUAL.into_iter().filter(|path| Some(*path) != ready_path || *path == "/");
    for path in usual {
        match get(socket, authority, path, TRY).await {
            // Elsewhere than at the root only a plain answer is one that was looked for.
            Got::Status(status)
                if matches!(status, 200..=299) || path == "/" && matches!(status, 300..=399) =>
            {
                choose(plan, path);
                return Ok(());
            }
            Got::Status(status) => seen.push(format!("{path} answers {status}")),
            Got::Refused | Got::NotHttp(_) | Got::Nothing => seen.push(format!("{path} has no answer")),
        }
    }
    Err(NotRehearsed::NoRoute(seen.join(", ")))
}

fn choose(plan: &mut LoadPlan, path: &str) {
    for route in plan.routes_mut().filter(|route| route.is_open()) {
        *route = Route::get(path);
    }
}
