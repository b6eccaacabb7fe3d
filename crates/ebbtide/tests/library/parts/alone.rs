//! The server alone, in a program with its own `main`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ebbtide::health::{Health, HealthState};
use ebbtide::http::{Serve, ServeError, serve};
use ebbtide::layer::HandlerStop;
use ebbtide::{LameDuck, Report};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::clock::PausedClock;
use super::support::{LONG, answer, connect, get as ask, signal};

/// How often the server checks whether requests came during the lame duck.
const LOOK: Duration = Duration::from_millis(10);

/// The grace period: more than the tests use.
const GRACE: Duration = Duration::from_secs(30);

/// The grace period, less a margin of 5 s, less the reserve for what comes after the server, and 0.5 s to end.
const SERVERS_CUT: Duration = Duration::from_millis(20_875);

type Ending = JoinSet<Result<Report, ServeError>>;

async fn start<F>(
    router: Router,
    with: impl FnOnce(Serve<Router>) -> Serve<Router, F>,
) -> (SocketAddr, Ending)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(with(serve(listener, router).grace_period(GRACE).lame_duck(LameDuck::NONE)).into_future());
    (addr, tasks)
}

async fn end(mut tasks: Ending) -> Result<Report, ServeError> {
    tokio::time::timeout(LONG, tasks.join_next()).await.expect("the server ends").unwrap().expect("no panic")
}

/// A route that answers after the stop signal, and one that never does.
fn routes(began: &Arc<Notify>) -> Router {
    let (one, other) = (Arc::clone(began), Arc::clone(began));
    let told = async move |stop: HandlerStop| {
        one.notify_one();
        stop.stopping().await;
        let left = stop.time_left().unwrap_or_default();
        format!("told, {}", left > Duration::from_secs(10) && left < SERVERS_CUT)
    };
    let never = async move || {
        other.notify_one();
        std::future::pending::<()>().await
    };
    Router::new().route("/told", get(told)).route("/never", get(never)).route("/ping", get(async || "pong"))
}

#[tokio::test]
async fn a_standalone_server_finishes_requests_in_flight_and_reports_them() {
    let (stop, stopped) = signal();
    let health = Health::new();
    let began = Arc::new(Notify::new());
    let routes = routes(&began).layer(health.layer());
    let set = health.clone();
    let (addr, server) =
        start(routes, |serve| serve.notify_handlers().health(set).with_graceful_shutdown(stopped)).await;
    assert_eq!(ask(addr, "/ping").await, (200, "pong".to_owned()));
    assert_eq!(health.state(), HealthState::Ready);
    let client = connect(addr, "/told").await;
    began.notified().await;
    stop.send(()).unwrap();
    assert_eq!(answer(client).await, (200, "told, true".to_owned()));
    assert_eq!(health.state(), HealthState::Draining);
    let report = end(server).await.expect("all was served");
    let totals = report.totals();
    let counts = (totals.in_flight_at_stop, totals.finished, totals.cancelled);
    assert_eq!((report.exit_code, counts), (0, (1, 1, 0)), "{report:?}");
}

#[tokio::test]
async fn a_standalone_server_names_cancelled_requests_in_its_error() {
    let (stop, stopped) = signal();
    let serve =
        |serve: Serve<Router>| serve.grace_period(Duration::from_millis(600)).with_graceful_shutdown(stopped);
    let began = Arc::new(Notify::new());
    let (addr, server) = start(routes(&began), serve).await;
    let _client = connect(addr, "/never").await;
    began.notified().await;
    stop.send(()).unwrap();
    let error = end(server).await.expect_err("a request was cancelled");
    let text = std::io::Error::from(error).to_string();
    assert!(text.starts_with("1 in flight cancelled at the deadline: GET /never from 127.0.0.1"), "{text}");
}

#[tokio::test]
async fn the_lame_duck_lasts_as_long_as_requests_come() {
    const ASKED: u32 = 7;
    let clock = PausedClock::new();
    let (stop, stopped) = signal();
    let (quiet, longest) = (Duration::from_secs(2), Duration::from_secs(15));
    let lame_duck = LameDuck { min: Duration::ZERO, quiet, max: longest };
    let (addr, server) =
        start(routes(&Arc::default()), |serve| serve.lame_duck(lame_duck).with_graceful_shutdown(stopped))
            .await;
    assert_eq!(ask(addr, "/ping").await.0, 200);
    stop.send(()).unwrap();
    let between = quiet - 2 * LOOK;
    for _ in 0..ASKED {
        assert_eq!(ask(addr, "/ping").await, (200, "pong".to_owned()), "serves while requests come");
        clock.advance(2 * LOOK).await; // the server records the request
        clock.advance(between - 2 * LOOK).await;
    }
    drop(clock);
    let report = end(server).await.expect("all was served");
    let draining = report.phases.iter().find(|change| change.phase == ebbtide::Phase::Draining).unwrap();
    let duck = report.phases.iter().find(|change| change.phase == ebbtide::Phase::LameDuck).unwrap();
    let lasted = draining.at - duck.at;
    assert!(lasted >= (ASKED - 1) * between + quiet, "at least as long as requests came: {report:?}");
    assert!(lasted < longest, "ended after the quiet time: {report:?}");
    assert!(report.totals().finished >= ASKED.into(), "{report:?}");
}

#[tokio::test]
async fn without_a_signal_a_standalone_server_serves_until_it_is_dropped() {
    let (addr, mut server) = start(routes(&Arc::default()), |serve| serve).await;
    assert_eq!(ask(addr, "/ping").await.0, 200);
    assert!(server.try_join_next().is_none());
    server.shutdown().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "nothing listens any more");
}

#[tokio::test]
async fn an_impossible_budget_is_refused_before_the_server_starts() {
    let duck = LameDuck::exactly(Duration::from_secs(60));
    let (_, server) = start(routes(&Arc::default()), |serve| serve.lame_duck(duck)).await;
    let error = std::io::Error::from(end(server).await.expect_err("60 s of 25"));
    assert!(error.to_string().contains("invalid budget"), "{error}");
}

#[tokio::test]
async fn handlers_get_the_clients_address_through_axums_connect_info() {
    let address = async |axum::extract::ConnectInfo(address): axum::extract::ConnectInfo<SocketAddr>| {
        address.to_string()
    };
    let router = Router::new().route("/whoami", get(address));
    let (addr, _server) = start(router.clone(), |serve| serve.server(|server| server.peer_info(true))).await;
    let (status, said) = ask(addr, "/whoami").await;
    assert_eq!((status, said.starts_with("127.0.0.1:")), (200, true), "{said}");
    // The opposite: without it the extractor fails.
    let (addr, _server) = start(router, |serve| serve).await;
    assert_eq!(ask(addr, "/whoami").await.0, 500);
}
