//! The server and the health routes as components of a lifecycle.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use ebbtide::http::Listener;
use ebbtide::model::Outcome;
use ebbtide::testing::{self, Trial};
use ebbtide::{Handle, LameDuck, Lifecycle, Phase};

use crate::support::{Client, LONG, PING, SLOW, cause, ping, slow, stop_source};

async fn status(addr: SocketAddr, path: &str) -> u16 {
    let mut client = Client::connect(addr).await.expect("the health port answers");
    client.get(path).await.unwrap();
    client.response().await.expect("a response").status
}

/// Stops the lifecycle during a request. Requests the probes before, during and after.
async fn rehearse(app: Handle, api: SocketAddr, health: SocketAddr, release: ebbtide::drain::StopSource) {
    app.reached(Phase::Ready).await;
    for addr in [api, health] {
        assert_eq!((status(addr, "/readyz").await, status(addr, "/livez").await), (200, 200));
    }
    let mut client = Client::connect(api).await.unwrap();
    client.send(SLOW).await.unwrap();
    let mut silent = Client::connect(api).await.unwrap();
    app.stop("test");
    app.stop_token().stopping().await;
    assert_eq!(status(health, "/readyz").await, 503, "not ready as soon as the shutdown begins");
    app.reached(Phase::Draining).await;
    assert_eq!((status(health, "/readyz").await, status(health, "/livez").await), (503, 200));
    silent.send(PING).await.unwrap();
    assert!(silent.response().await.expect("a response").closes);
    release.stop(cause(), None);
    assert_eq!(client.response().await.expect("an answer").body, b"slow pong");
}

#[test]
fn a_lifecycle_stops_its_server_without_loss_and_answers_probes_to_the_end() {
    let release = stop_source();
    let router = slow(release.token());
    let mut rehearsal = None;
    let report = Lifecycle::new("test")
        .lame_duck(LameDuck::NONE)
        .run_to_report(async |app| {
            let listener = app.bind("127.0.0.1:0").await?;
            let probes = Listener::bind("127.0.0.1:0").await?;
            let addr = |listener: &Listener| listener.local_addr().tcp().unwrap();
            let (api, health) = (addr(&listener), addr(&probes));
            app.http("api", listener, app.health_handle().wrap(router));
            app.health("health", probes);
            let seen = app.clone();
            let client = std::thread::Builder::new().spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(rehearse(seen, api, health, release));
            });
            rehearsal = Some(client?);
            Ok(())
        })
        .expect("the lifecycle starts");
    rehearsal.unwrap().join().expect("the client's assertions hold");
    assert_eq!(report.exit_code, 0, "{report:?}");
}

/// Runs a service with this router and requests some paths while it is ready. Returns their statuses and the exit code.
fn statuses(router: impl FnOnce(&Handle) -> Router, paths: &'static [&str]) -> (Vec<u16>, u8) {
    let mut looking = None;
    let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
    let report = lifecycle.run_to_report(async |app| {
        let listener = app.bind("127.0.0.1:0").await?;
        let addr = listener.local_addr().tcp().unwrap();
        app.http("api", listener, router(&app));
        let seen = app.clone();
        looking = Some(std::thread::Builder::new().spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                seen.reached(Phase::Ready).await;
                let mut statuses = Vec::new();
                for path in paths {
                    statuses.push(status(addr, path).await);
                }
                seen.stop("seen");
                statuses
            })
        })?);
        Ok(())
    });
    (looking.map_or_else(Vec::new, |looking| looking.join().unwrap()), report.unwrap().exit_code)
}

#[cfg(feature = "axum")]
#[test]
fn health_routes_are_added_to_a_router_that_asks_for_them_and_to_no_other() {
    const PATHS: &[&str] =
        &["/livez", "/readyz", "/startupz", "/healthz", "/readyz?verbose", "/ping", "/other"];
    let own = || {
        let router = Router::new().route("/ping", get(async || "pong"));
        router.fallback(async || (StatusCode::IM_A_TEAPOT, "the fallback"))
    };
    let (with, code) = statuses(|app| app.health_routes(own()), PATHS);
    assert_eq!((with, code), (vec![200, 200, 200, 200, 200, 200, 418], 0));
    let (without, code) = statuses(|_| own(), PATHS);
    assert_eq!((without, code), (vec![418, 418, 418, 418, 418, 200, 418], 0));
}

#[test]
fn a_route_of_the_application_is_never_replaced() {
    let own = || Router::new().route("/healthz", get(async || (StatusCode::ACCEPTED, "mine")));
    assert_eq!(statuses(|_| own(), &["/healthz"]), (vec![202], 0));
    #[cfg(feature = "axum")]
    {
        let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
        let report = lifecycle.run_to_report(async |app| {
            drop(app.health_routes(own()));
            Ok(())
        });
        let cause = report.unwrap().cause.unwrap().to_string();
        let said = "duplicate route GET /healthz: both the router and `health_routes` have it";
        assert!(
            cause.contains(said) && cause.contains("`Handle::health`"),
            "refused at the start, by name: {cause}"
        );
    }
}

/// Blocks the start-up's thread until the shutdown has begun.
fn block_until_stopping(app: &Handle) {
    let stop = app.stop_token();
    app.stop("while the start-up blocks its thread");
    while !stop.is_stopping() {
        std::thread::yield_now();
    }
}

#[test]
fn a_start_up_that_blocks_past_the_stop_signal_opens_nothing() {
    for blocks in [true, false] {
        let (mut bound, mut waiting) = (None, None);
        let lifecycle = Lifecycle::new("test").lame_duck(LameDuck::NONE);
        let report = lifecycle.run_to_report(async |app| {
            let early = app.bind("127.0.0.1:0").await?;
            let addr = early.local_addr().tcp().unwrap();
            let mut client = std::net::TcpStream::connect(addr)?;
            std::io::Write::write_all(&mut client, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")?;
            if blocks {
                block_until_stopping(&app);
            }
            bound = Some(app.bind("127.0.0.1:0").await.map_err(|error| error.to_string()));
            app.http("api", early, Router::new());
            waiting = Some((client, addr));
            app.stop("that is all");
            Ok(())
        });
        assert_eq!(report.unwrap().exit_code, 0);
        let bound = bound.unwrap();
        assert_eq!(bound.is_err(), blocks, "{bound:?}");
        assert!(!blocks || bound.unwrap_err().contains("the shutdown has begun"));
        // A listener that was bound before is closed at once, without loss.
        let (mut client, addr) = waiting.unwrap();
        assert_eq!(ebbtide_http1::Response::read(&mut client).unwrap().status, 404);
        assert!(std::net::TcpStream::connect(addr).is_err(), "the listener is closed");
    }
}

#[tokio::test]
async fn listeners_of_tokio_and_of_the_standard_library_are_served_alike() {
    let ours = Listener::bind("127.0.0.1:0").await.unwrap();
    let tokios = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let std = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addrs = [ours.local_addr().tcp().unwrap(), tokios.local_addr().unwrap(), std.local_addr().unwrap()];
    let service = Trial::start(testing::lifecycle("test"), async move |app| {
        app.http("ours", ours, ping());
        app.http("tokio's", tokios, ping());
        app.http("std's", std, ping());
        Ok(())
    });
    service.ready().await;
    for addr in addrs {
        assert_eq!(status(addr, "/ping").await, 200);
    }
    assert_eq!(service.stop().await.exit_code, 0);
}

#[tokio::test]
async fn a_socket_that_cannot_listen_fails_the_service_with_the_reason() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    let service = Trial::start(testing::lifecycle("test"), async move |app| {
        app.http("api", std::net::TcpListener::from(socket), ping());
        Ok(())
    });
    let report = tokio::time::timeout(LONG, service.exited()).await.expect("the service exits");
    assert_eq!(report.exit_code, 1);
    let outcome = report.component("api").and_then(|api| api.outcome.clone());
    assert!(
        matches!(&outcome, Some(Outcome::Failed { error }) if error.contains("cannot use the listener")),
        "{outcome:?}"
    );
}
