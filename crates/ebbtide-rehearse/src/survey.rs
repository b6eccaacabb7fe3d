//! Starts a service once, without load, and finds out what a rehearsal needs: where it listens, what it answers, how it ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use rustix::process::{Resource, getrlimit};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::child::{adopt_orphans, as_sent, listeners, remaining, tail};
use super::clock::{At, Clock};
use super::janitor::Janitor;
use super::order::USUAL;
use super::place::Place;
use super::probe::{Got, get, try_route};
use super::readying::TAIL;
use super::recognition::recognise;
use super::record::{Ended, Endpoint, Recognised};
use super::scenario::{Program, Protocol, Ready, Route, Scenario, StopSignal, Target};
use super::survey_calls::{SurveyedCalls, calls};
use super::trouble::NotRehearsed;
use super::unready::Unready;
use super::verdict::usual_stop;
use super::wire::Address;

/// Paths on which services report that they are ready, in the order in which they are tried.
const READY: [&str; 12] = [
    "/readyz",
    "/ready",
    "/health/ready",
    "/actuator/health/readiness",
    "/q/health/ready",
    "/healthz",
    "/health",
    "/actuator/health",
    "/livez",
    "/ping",
    "/status",
    "/",
];
/// Paths on which services report that they live.
const LIVE: [&str; 5] = ["/livez", "/health/live", "/actuator/health/liveness", "/q/health/live", "/healthz"];
/// A path that no service has: one that answers it with 200 does so everywhere.
const ANY: &str = "/ebbtide-no-such-path";
/// The interval between two looks.
const EVERY: Duration = Duration::from_millis(20);
/// The timeout of one request.
const LOOK: Duration = Duration::from_secs(2);
/// How long a service that listens may take until one of its paths is answered with 200 to 399.
const WARM: Duration = Duration::from_secs(5);

/// What was found out about a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// Where it listens, as in `127.0.0.1:8080` or `unix:/run/app.sock`.
    pub listeners: Vec<String>,
    /// Its readiness check: the first usual path that is answered with 200 to 399, or its port.
    pub ready: Ready,
    /// The usual liveness path beside that of readiness, if one is answered with 200.
    pub liveness: Option<String>,
    /// A route for the load, with its address if that is another one. `None`: no usual path is answered with 200 to 299.
    pub route: Option<Route>,
    /// Whether a POST to that route is answered with 200 to 299.
    pub posts: bool,
    /// The gRPC service, if there is one.
    pub calls: Option<SurveyedCalls>,
    /// The servers that were recognised.
    pub servers: Vec<Recognised>,
    /// The signal that was sent: that of the scenario, or the one that stops the server gracefully.
    pub signal: StopSignal,
    /// How it ended, and how long after the signal. `None`: it ran until the end of the grace period, and was killed; or it was running before.
    pub exit: Option<(Ended, Duration)>,
}

impl Survey {
    /// Returns whether something was found that a load can be sent to.
    pub fn has_load(&self) -> bool {
        self.route.is_some() || self.calls.as_ref().is_some_and(SurveyedCalls::any_fits)
    }
}

/// What is to be found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SurveyScope {
    /// How readiness shows, and how the service ends. Nothing but usual paths is requested.
    Readiness,
    /// Also what a load can be sent to: routes, and methods of gRPC, which are called with an empty message.
    Load,
}

/// Starts the service of `scenario`, whose readiness check is not used, and stops it again. A service that runs already is looked at, and not
/// stopped.
///
/// # Errors
///
/// The service did not start, ended, or did not listen in time.
///
/// # Cancel safety
///
/// Dropping the future ends the service and every process that it started.
pub async fn survey(
    scenario: &Scenario,
    scope: SurveyScope,
    interrupted: &Notify,
) -> Result<Survey, NotRehearsed> {
    adopt_orphans();
    let mut janitor = Janitor::start(scenario.janitor.as_deref());
    let clock = Clock::start();
    let place = Place::prepare(scenario, clock).await?;
    let found = tokio::select! {
        found = look(&place, scenario, scope, clock, &mut janitor) => found,
        () = interrupted.notified() => Err(NotRehearsed::Interrupted),
    };
    janitor.forget();
    found
}

async fn look(
    place: &Place,
    scenario: &Scenario,
    scope: SurveyScope,
    clock: Clock,
    janitor: &mut Janitor,
) -> Result<Survey, NotRehearsed> {
    let mut service = place.service(scenario, getrlimit(Resource::Nofile), clock, janitor)?;
    let family = service.family();
    let log = place.log();
    // A process that runs already has its sockets.
    let limit = match scenario.program {
        Program::Running(_) if !listens_within(RUNNING, || listeners(family)).await => RUNNING,
        _ => scenario.ready_limit,
    };
    let rest = if limit == RUNNING { Duration::ZERO } else { limit };
    let listening = timeout(rest, first_listener(place, || listeners(family)));
    let found = tokio::select! {
        found = listening => found,
        ended = service.ended() => {
            let (when, (_, ended)) = ("before it listened", ended?);
            let left = remaining(family).await;
            return Err(NotRehearsed::EndedEarly { when, ended, left, tail: tail(&log, TAIL) });
        }
    };
    let Ok((ready, at)) = found else {
        return Err(NotRehearsed::NeverReady {
            limit,
            seen: Unready::NoListener,
            listens: listeners(family),
            tail: tail(&log, TAIL),
        });
    };
    let listeners = listeners(family);
    let (route, posts, calls) = match scope {
        SurveyScope::Readiness => (None, false, None),
        SurveyScope::Load => load(place, (&ready, &at), &listeners).await,
    };
    let liveness = match scope {
        SurveyScope::Readiness => None,
        SurveyScope::Load => liveness(&ready, &at).await,
    };
    let servers = recognise(&service, &at, path_of(&ready).or(Some("/"))).await;
    let signal = servers.iter().find_map(usual_stop).unwrap_or(scenario.stop.signal);
    let found = Survey { listeners, ready, liveness, route, posts, calls, servers, signal, exit: None };
    if matches!(scenario.program, Program::Running(_)) {
        return Ok(found);
    }
    let signalled = clock.now();
    service.signal(as_sent(signal));
    let exit = match timeout(scenario.stop.grace, service.ended()).await {
        Ok(ended) => {
            let (at, ended) = ended?;
            Some((ended, at.since(signalled)))
        }
        Err(_) => None,
    };
    Ok(Survey { exit, ..found })
}

/// Returns what a load can be sent to: a route, whether it takes a POST, and methods of gRPC.
async fn load(
    place: &Place,
    (ready, at): (&Ready, &Address),
    listeners: &[String],
) -> (Option<Route>, bool, Option<SurveyedCalls>) {
    let ready_path = path_of(ready);
    // Found soon or not at all: a service of another protocol may answer none of the paths.
    let route = timeout(WARM, route(place, at, ready_path, listeners)).await.unwrap_or_default();
    let posts = match &route {
        Some((route, to)) => {
            let post = Route { method: Method::POST, ..route.clone() };
            matches!(try_route(to, &post, LOOK).await, Got::Status(200..=299))
        }
        None => false,
    };
    let calls = calls(place, (ready, at), targets(listeners)).await;
    (route.map(|(route, _)| route), posts, calls)
}

/// Returns the usual liveness path of a service that is `ready` on a usual path for it.
async fn liveness(ready: &Ready, at: &Address) -> Option<String> {
    let ready = path_of(ready).filter(|path| path.contains("ready") || path.ends_with("readiness"))?;
    let is_ok = async |path| get(at, path, LOOK).await == Got::Status(200);
    for path in LIVE {
        if path != ready && is_ok(path).await {
            return (!is_ok(ANY).await).then(|| path.to_owned());
        }
    }
    None
}

fn path_of(ready: &Ready) -> Option<&str> {
    match ready {
        Ready::Http(_, path) => Some(path),
        Ready::Port(_) | Ready::Managed => None,
    }
}

/// How long a process that runs already may take to listen.
const RUNNING: Duration = Duration::from_secs(2);

/// Returns whether there is a listener within `limit`.
async fn listens_within(limit: Duration, listeners: impl Fn() -> Vec<String>) -> bool {
    let listening = async {
        while targets(&listeners()).is_empty() {
            sleep(EVERY).await;
        }
    };
    timeout(limit, listening).await.is_ok()
}

/// Waits until a listener answers a usual path with 200 to 399, or has not done so for a while. Returns its readiness check.
async fn first_listener(place: &Place, listeners: impl Fn() -> Vec<String>) -> (Ready, Address) {
    let mut waiting = None;
    let is_over = |clock: Clock| clock.now().since(At::default()) > WARM;
    loop {
        let found = targets(&listeners());
        if !found.is_empty() {
            waiting.get_or_insert_with(Clock::start);
        }
        for path in READY {
            // A service of another protocol may leave every request without an answer: each takes long enough.
            if waiting.is_some_and(is_over) {
                break;
            }
            for (target, socket) in &found {
                if let Some((target, to)) = answers(place, target, socket, path).await {
                    return (Ready::Http(target, path.to_owned()), to);
                }
            }
        }
        if let Some((target, socket)) = found.first().filter(|_| waiting.is_some_and(is_over)) {
            return (Ready::Port(target.clone()), place.address_of(target, socket.clone()));
        }
        sleep(EVERY).await;
    }
}

/// Returns how `target` answers `path` with 200 to 399: over HTTP/1, the protocol of the load, or TLS.
async fn answers(place: &Place, target: &Target, socket: &Endpoint, path: &str) -> Option<(Target, Address)> {
    for tls in [false, true] {
        let target = Target { tls, ..target.clone() };
        let of_load = place.address_of(&target, socket.clone());
        let first = of_load.over_http1();
        let got = get(&first, path, LOOK).await;
        if got.is_ready() {
            return Some((target, of_load));
        }
        if of_load.template.protocol != Protocol::Http1 && get(&of_load, path, LOOK).await.is_ready() {
            return Some((target, of_load));
        }
        // A server with TLS answers plain bytes with an alert, with 400, or not at all.
        if matches!(got, Got::Status(status) if status != 400) || matches!(got, Got::Refused | Got::Grpc) {
            return None;
        }
    }
    None
}

/// Returns the TCP listeners among `listeners`, each as clients on this machine reach it, or the Unix sockets if there is none: beside
/// a port, a Unix socket usually is for control.
fn targets(listeners: &[String]) -> Vec<(Target, Endpoint)> {
    let mut found: Vec<(Target, Endpoint)> = Vec::new();
    let mut sockets = Vec::new();
    for endpoint in listeners.iter().filter_map(|at| at.parse().ok()) {
        let mut address = match endpoint {
            Endpoint::Tcp(address) => address,
            Endpoint::Unix(path) => {
                sockets.push((Target::unix(Arc::clone(&path)), Endpoint::Unix(path)));
                continue;
            }
        };
        match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            _ => {}
        }
        let target = Target::tcp(address.ip().to_string(), address.port());
        if !found.iter().any(|(known, _)| *known == target) {
            found.push((target, address.into()));
        }
    }
    if found.is_empty() { sockets } else { found }
}

/// Returns the first usual path that is answered with 200 to 299: at the address of readiness, or else at another listener.
async fn route(
    place: &Place,
    at: &Address,
    ready_path: Option<&str>,
    listeners: &[String],
) -> Option<(Route, Address)> {
    let others = targets(listeners).into_iter().filter(|(_, socket)| *socket != at.socket);
    let others = others.map(|(target, socket)| (place.address_of(&target, socket.clone()), Some(target)));
    for (to, target) in [(at.clone(), None)].into_iter().chain(others) {
        for path in USUAL {
            // The answer of a readiness path changes at the signal.
            if target.is_none() && path != "/" && Some(path) == ready_path {
                continue;
            }
            let route = Route { target: target.clone(), ..Route::get(path) };
            if matches!(try_route(&to, &route, LOOK).await, Got::Status(200..=299)) {
                return Some((route, to));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        let found = targets(&[
            "0.0.0.0:8080".to_owned(),
            "[::]:8080".to_owned(),
            "[::1]:9090".to_owned(),
            "unix:/run/x.sock".to_owned(),
        ]);
        let found: Vec<String> = found.iter().map(|(target, _)| target.name()).collect();
        assert_eq!(found, ["127.0.0.1:8080", "[::1]:9090"]);
    }

    #[test]
    fn a_unix_socket_is_a_target_if_no_port_is() {
        let found = targets(&["unix:/run/x.sock".to_owned()]);
        let expected = Target::unix(Path::new("/run/x.sock"));
        assert_eq!(found, [(expected, Endpoint::Unix(Path::new("/run/x.sock").into()))]);
    }
}
