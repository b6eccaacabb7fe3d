//! The settings of the HTTP server.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::routing::get;
use ebbtide::http::{Listener, ServeError, Server};
use ebbtide::testing::{self, Trial};
use ebbtide::{BoxError, Handle, LameDuck};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::support::{LONG, VALUES, count_panics, panics};
use crate::own_process;

type Set = fn(Server<axum::Router>, Duration) -> Server<axum::Router>;

/// Each setting, and the exit codes with zero, a nanosecond, and the longest time. Where the longest time holds an idle connection
/// until its deadline, the server is cut there.
const SETTINGS: [(&str, Set, [u8; 3]); 10] = [
    ("first_byte_grace", Server::first_byte_grace, [0, 0, 3]),
    ("idle_quiet", Server::idle_quiet, [0, 0, 3]),
    ("header_timeout", Server::header_timeout, [0, 0, 0]),
    ("handshake_timeout", Server::handshake_timeout, [0, 0, 0]),
    ("request_timeout", Server::request_timeout, [0, 0, 0]),
    ("linger", Server::linger, [0, 0, 0]),
    ("announce_over", Server::announce_over, [0, 0, 0]),
    ("sse_retry", |server, time| server.sse_retry(time..=time), [0, 0, 0]),
    ("stall_timeout", Server::stall_timeout, [0, 0, 0]),
    ("refusal_time", Server::refusal_time, [0, 0, 0]),
];

#[test]
fn no_time_of_a_server_costs_its_shutdown() {
    own_process::run("times::server::no_time_of_a_server_costs_its_shutdown", || {
        count_panics();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let codes = runtime.block_on(async {
            let mut trials = JoinSet::new();
            for (at, (name, set, expected)) in SETTINGS.into_iter().enumerate() {
                for (nth, value) in VALUES.into_iter().enumerate() {
                    trials.spawn(async move {
                        ((at, nth), name, value, stopped(set, value, expected[nth]).await, expected[nth])
                    });
                }
            }
            let mut codes = trials.join_all().await;
            codes.sort_by_key(|(order, ..)| *order);
            codes
        });
        let wrong: Vec<_> = codes.iter().filter(|(.., code, expected)| code != expected).collect();
        assert!(wrong.is_empty() && panics() == 0, "{} panics, {wrong:?}", panics());
    });
}

/// Runs a server with connections of each kind, stops it, and returns its exit code.
async fn stopped(set: Set, value: Duration, expected: u8) -> u8 {
    // One that is to end in order has more time than it needs on a busy machine.
    let grace = if expected == 0 { LONG } else { Duration::from_secs(3) };
    let lifecycle = testing::lifecycle("times").grace(grace);
    let lifecycle = lifecycle.lame_duck(LameDuck::exactly(Duration::from_millis(50)));
    let (bound, address) = tokio::sync::oneshot::channel();
    let (closed, closes) = tokio::sync::oneshot::channel();
    let trial = Trial::start(lifecycle, async move |app: Handle| {
        app.resource("pool", (), |()| async move {
            let _ = closed.send(());
            Ok(())
        });
        let listener = Listener::bind("127.0.0.1:0").await?;
        let _ = bound.send(listener.local_addr().tcp().ok_or("it is TCP")?);
        app.http_server("api", listener, set(Server::new(router()), value));
        Ok::<_, BoxError>(())
    });
    trial.ready().await;
    let addr = address.await.unwrap();
    let mut clients = JoinSet::new();
    for sent in [
        "",
        "GET /pi",
        "GET /ping HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /events HTTP/1.1\r\nHost: test\r\n\r\n",
    ] {
        // Here, before the stop: behind it the address may be closed.
        let stream = TcpStream::connect(addr).await.unwrap();
        clients.spawn(client(stream, sent));
    }
    // What is to be answered is being answered, unless a setting forbids it.
    while trial.handle().snapshot().components.iter().any(|one| one.name == "api" && one.in_flight == 0) {
        if value != Duration::MAX {
            break;
        }
        tokio::task::yield_now().await;
    }
    let report = tokio::time::timeout(2 * LONG, trial.stop()).await.expect("it stops");
    closes.await.expect("its resource is closed");
    clients.join_all().await;
    report.exit_code
}

fn router() -> axum::Router {
    let events = async || {
        let first = futures_util::stream::iter([Ok::<_, Infallible>(Event::default().data("1"))]);
        Sse::new(first.chain(futures_util::stream::pending()))
    };
    axum::Router::new().route("/ping", get(async || "pong")).route("/events", get(events))
}

/// Sends that, and reads until the server closes.
async fn client(mut stream: TcpStream, sent: &'static str) {
    let _ = stream.write_all(sent.as_bytes()).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn no_time_of_a_server_alone_costs_its_shutdown() {
    type Set = fn(ebbtide::http::Serve<axum::Router>, Duration) -> ebbtide::http::Serve<axum::Router>;
    let settings: [(&str, Set, [bool; 3]); 3] = [
        ("grace_period", |serve, time| serve.grace_period(time), [false, false, true]),
        ("margin", |serve, time| serve.margin(time), [true, true, false]),
        ("lame_duck", |serve, time| serve.lame_duck(LameDuck::exactly(time)), [true, true, false]),
    ];
    for (name, set, expected) in settings {
        for (value, runs) in VALUES.into_iter().zip(expected) {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let serve = ebbtide::http::serve(listener, router()).lame_duck(LameDuck::NONE);
            let served = set(serve, value).with_graceful_shutdown(async {});
            match tokio::time::timeout(LONG, served.into_future()).await.expect("it ends") {
                Ok(report) => assert!(runs && report.exit_code == 0, "{name} {value:?}: {report:?}"),
                Err(ServeError::Plan(error)) => assert!(!runs, "{name} {value:?}: {error}"),
                Err(error) => panic!("{name} {value:?}: {error}"),
            }
        }
    }
}
