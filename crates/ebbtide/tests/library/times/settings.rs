//! The settings of a lifecycle and of the HTTP server, and the outcome of a lifecycle that is stopped.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::routing::get;
use ebbtide::http::{Listener, ServeError, Server};
use ebbtide::model::Stage;
use ebbtide::testing::{self, Trial};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Phase};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use self::End::{Closed, Refused};
use crate::own_process;
use crate::testing::Nothing;

type SetLifecycle = fn(Lifecycle, Duration) -> Lifecycle;

/// Each setting, and the outcome of a lifecycle with zero, a nanosecond, and the longest possible time.
const LIFECYCLE_SETTINGS: [(&str, SetLifecycle, [End; 3]); 14] = [
    ("grace", Lifecycle::grace, [Refused, Refused, Closed(0)]),
    ("margin", Lifecycle::margin, [Closed(0), Closed(0), Refused]),
    ("lame_duck exactly", |l, t| l.lame_duck(LameDuck::exactly(t)), [Closed(0), Closed(0), Refused]),
    ("lame_duck min", |l, t| l.lame_duck(duck(t, ZERO, t.max(SHORT))), [Closed(0), Closed(0), Refused]),
    ("lame_duck quiet", |l, t| l.lame_duck(duck(ZERO, t, SHORT)), [Closed(0), Closed(0), Closed(0)]),
    ("lame_duck max", |l, t| l.lame_duck(duck(ZERO, ZERO, t)), [Closed(0), Closed(0), Refused]),
    ("lame_duck in a grace period without end", without_end, [Closed(0), Closed(0), Closed(0)]),
    ("reserve intake", |l, t| l.reserve(Stage::Intake, t), [Closed(0), Closed(0), Refused]),
    ("reserve servers", |l, t| l.reserve(Stage::Servers, t), [Closed(0), Closed(0), Refused]),
    ("reserve workers", |l, t| l.reserve(Stage::Workers, t), [Closed(0), Closed(0), Refused]),
    ("reserve resources", |l, t| l.reserve(Stage::Resources, t), [Closed(0), Closed(0), Refused]),
    ("reserve telemetry", |l, t| l.reserve(Stage::Telemetry, t), [Closed(0), Closed(0), Refused]),
    ("signal_guard", Lifecycle::signal_guard, [Closed(0), Closed(0), Closed(0)]),
    ("progress_every", Lifecycle::progress_every, [Closed(0), Closed(0), Closed(0)]),
];

const ZERO: Duration = Duration::ZERO;
const SHORT: Duration = Duration::from_millis(30);

const fn duck(min: Duration, quiet: Duration, max: Duration) -> LameDuck {
    LameDuck { min, quiet, max }
}

fn without_end(lifecycle: Lifecycle, time: Duration) -> Lifecycle {
    lifecycle.grace(Duration::MAX).lame_duck(duck(ZERO, time, SHORT)).progress_every(time)
}

#[test]
fn no_duration_setting_of_a_lifecycle_breaks_the_shutdown() {
    own_process::run("times::settings::no_duration_setting_of_a_lifecycle_breaks_the_shutdown", || {
        count_panics();
        for (name, set, expected) in LIFECYCLE_SETTINGS {
            let ends = VALUES.map(|value| {
                let lifecycle = Lifecycle::new("times").lame_duck(LameDuck::NONE);
                live(set(lifecycle, value), async |app| {
                    serve(app);
                    Ok(())
                })
            });
            assert_eq!((ends, panics()), (expected, 0), "{name}");
        }
    });
}

#[test]
fn a_huge_duration_in_the_environment_is_refused_by_name() {
    const NAME: &str = "times::settings::a_huge_duration_in_the_environment_is_refused_by_name";
    if own_process::is_child() {
        assert_eq!(live(Lifecycle::new("times"), async |_| Ok(())), Refused);
        return;
    }
    for variable in ["EBBTIDE_GRACE", "EBBTIDE_MARGIN", "EBBTIDE_LAME_DUCK"] {
        for value in ["18446744073709551615s", "1e300", "99999999999999999999999h", "86400001s"] {
            let output =
                own_process::command(NAME).env(variable, value).output().expect("the process starts");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{variable}={value}: {said}");
            assert!(said.contains(variable) && said.contains(value), "{variable}={value}: {said}");
        }
    }
}

type SetServer = fn(Server<axum::Router>, Duration) -> Server<axum::Router>;

/// Each setting, and the exit codes with zero, a nanosecond, and the longest time. Where the longest time keeps an idle
/// connection until its deadline, the server is cancelled there.
const SERVER_SETTINGS: [(&str, SetServer, [u8; 3]); 11] = [
    ("first_byte_grace", Server::first_byte_grace, [0, 0, 3]),
    ("idle_quiet", Server::idle_quiet, [0, 0, 3]),
    ("header_timeout", Server::header_timeout, [0, 0, 0]),
    ("handshake_timeout", Server::handshake_timeout, [0, 0, 0]),
    ("request_timeout", Server::request_timeout, [0, 0, 0]),
    ("keep_alive_timeout", Server::keep_alive_timeout, [0, 0, 0]),
    ("linger", Server::linger, [0, 0, 0]),
    ("announce_over", Server::announce_over, [0, 0, 0]),
    ("sse_retry", |server, time| server.sse_retry(time..=time), [0, 0, 0]),
    ("stall_timeout", Server::stall_timeout, [0, 0, 0]),
    ("refusal_time", Server::refusal_time, [0, 0, 0]),
];

#[test]
fn no_duration_setting_of_a_server_breaks_the_shutdown() {
    own_process::run("times::settings::no_duration_setting_of_a_server_breaks_the_shutdown", || {
        count_panics();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let codes = runtime.block_on(async {
            let mut trials = JoinSet::new();
            for (at, (name, set, expected)) in SERVER_SETTINGS.into_iter().enumerate() {
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
async fn stopped(set: SetServer, value: Duration, expected: u8) -> u8 {
    // A connection that must end in order has more time than it needs on a busy machine.
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
        // Connects before the shutdown: afterwards the address may be closed.
        let mut stream = TcpStream::connect(addr).await.unwrap();
        // With the shortest times the server may have closed it already.
        let _ = stream.write_all(sent.as_bytes()).await;
        if value == Duration::MAX && sent.ends_with("\r\n\r\n") {
            // Answered before the shutdown: the connection is kept, and the event stream is in flight.
            stream.readable().await.unwrap();
        }
        clients.spawn(async move {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }
    let report = tokio::time::timeout(2 * LONG, trial.stop()).await.expect("the service stops");
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

#[tokio::test]
async fn no_duration_setting_of_a_standalone_server_breaks_the_shutdown() {
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
            match tokio::time::timeout(LONG, served.into_future()).await.expect("the server ends") {
                Ok(report) => assert!(runs && report.exit_code == 0, "{name} {value:?}: {report:?}"),
                Err(ServeError::Plan(error)) => assert!(!runs, "{name} {value:?}: {error}"),
                Err(error) => panic!("{name} {value:?}: {error}"),
            }
        }
    }
}

/// The values that are tried with each setting.
pub(super) const VALUES: [Duration; 3] = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

/// Longer than anything in these tests takes.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// The outcome of a lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It does not start; the error shows the budget's arithmetic.
    Refused,
    /// It has exited with this code, and its resource was closed.
    Closed(u8),
    /// It has exited, and its resource was never closed.
    Lost(u8),
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts the panics of this process from now on, in any task.
pub(super) fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(panic);
    }));
}

pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::SeqCst)
}

/// Runs a lifecycle with a server and a resource besides what `register` adds, with signal handlers and a watchdog, stops it
/// when it is ready, and returns the outcome.
pub(super) fn live(lifecycle: Lifecycle, register: impl AsyncFnOnce(&Handle) -> Result<(), BoxError>) -> End {
    let closed = Arc::new(AtomicBool::new(false));
    let closing = Arc::clone(&closed);
    let report = lifecycle.run_to_report(async move |app| {
        app.resource("pool", (), |()| async move {
            closing.store(true, Ordering::SeqCst);
            Ok(())
        });
        register(&app).await?;
        let stopped = app.clone();
        app.once("stops it", |_| async move {
            stopped.reached(Phase::Ready).await;
            stopped.stop("enough");
            Ok(())
        });
        Ok(())
    });
    match report {
        Err(_) => Refused,
        Ok(report) if closed.load(Ordering::SeqCst) => Closed(report.exit_code),
        Ok(report) => End::Lost(report.exit_code),
    }
}

/// Registers a server without requests: the lame duck only applies with a server.
pub(super) fn serve(app: &Handle) {
    app.serve("api", Arc::new(Nothing), |context| async move {
        context.stop.stopping().await;
        Ok(())
    });
}
