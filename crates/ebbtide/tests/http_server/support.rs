//! A server under test, and a client that reports every outcome.

use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ebbtide::drain::{Stop, StopSource, Work};
use ebbtide::http::{IntoListeners, Listener, ServeError, Server};
use ebbtide::model::Cause;
use tokio::task::JoinSet;

pub(crate) use ebbtide_http1::client::Client;

pub(crate) use crate::clock::{PausedClock, settle};
pub(crate) use crate::seed::seed;

/// A timeout for everything that must happen. Not for measurements.
pub(crate) const LONG: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) work: Arc<dyn Work>,
    announced: StopSource,
    stop: StopSource,
    task: JoinSet<Result<(), ServeError>>,
}

/// Starts a server for `router`, changed by `with`.
pub(crate) async fn serve(
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    serve_at("127.0.0.1:0", router, with).await
}

pub(crate) async fn serve_at(
    addr: &str,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    let listener = Listener::bind(addr).await.unwrap();
    let addr = listener.local_addr().tcp().unwrap();
    serve_on(listener, addr, router, with)
}

/// Starts a server on any listeners; `addr` is the address for tests that connect to it.
pub(crate) fn serve_on(
    listeners: impl IntoListeners,
    addr: SocketAddr,
    router: axum::Router,
    with: impl FnOnce(Server<axum::Router>) -> Server<axum::Router>,
) -> Served {
    let (announced, stop) = (StopSource::with_clock(now), StopSource::with_clock(now));
    let server = with(Server::new(router));
    let work = server.work();
    let mut task = JoinSet::new();
    task.spawn(server.serve(listeners, announced.token(), stop.token()));
    Served { addr, work, announced, stop, task }
}

impl Served {
    pub(crate) fn announce(&self) {
        self.announced.stop(cause(), None);
    }

    pub(crate) fn stop(&self) {
        self.announce();
        self.stop.stop(cause(), None);
    }

    /// Stops with a deadline, without cancelling at it.
    pub(crate) fn stop_within(&self, time: Duration) {
        self.announce();
        self.stop.stop(cause(), Some(now() + time));
    }

    pub(crate) fn cancelled(&self) {
        self.stop.cancel();
    }

    /// Waits until the server has handled the stop signal: its TCP listener is closed, and each connection has begun to drain.
    ///
    /// The connections are woken before the listener is closed. On a runtime with one thread they have run when the close is
    /// seen.
    pub(crate) async fn draining(&self) {
        until(|| !is_listening(self.addr)).await;
        settle().await;
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.task.try_join_next().is_none()
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(&mut self) {
        let ended = tokio::time::timeout(LONG, self.task.join_next()).await;
        ended
            .expect("the server ends")
            .expect("the server was running")
            .expect("the server does not panic")
            .expect("the server succeeds");
    }

    /// Drops the server's future.
    pub(crate) async fn abandon(&mut self) {
        self.task.shutdown().await;
    }
}

pub(crate) fn cause() -> Cause {
    Cause::Requested { reason: "test".into() }
}

pub(crate) fn stop_source() -> StopSource {
    StopSource::with_clock(now)
}

pub(crate) fn ping() -> axum::Router {
    axum::Router::new().route("/ping", axum::routing::get(async || "pong"))
}

/// A `/slow` route that answers when the token is stopped.
pub(crate) fn slow(until: Stop) -> axum::Router {
    let handler = async move || {
        until.stopping().await;
        "slow pong"
    };
    ping().route("/slow", axum::routing::get(handler))
}

pub(crate) const PING: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n";
pub(crate) const PING_CLOSE: &[u8] = b"GET /ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
pub(crate) const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n";

/// Waits until a condition holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let began = now();
    for round in 0.. {
        if holds() {
            return;
        }
        assert!(began.elapsed() < LONG, "the condition never held");
        if round < 10 {
            tokio::task::yield_now().await;
        } else {
            // The runtime's clock may be paused.
            let pause = || std::thread::sleep(Duration::from_millis(1));
            tokio::task::spawn_blocking(pause).await.expect("the pause ends");
        }
    }
}

/// Returns whether a TCP socket listens on the address.
pub(crate) fn is_listening(addr: SocketAddr) -> bool {
    const LISTEN: &str = "0A";
    let SocketAddr::V4(addr) = addr else { panic!("{addr} is not an IPv4 address") };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(addr.ip().octets()), addr.port());
    let table = std::fs::File::open("/proc/net/tcp").unwrap();
    let lines = std::io::BufReader::new(table).lines().map(Result::unwrap).skip(1);
    // Listening sockets come first in the list; other sockets may be tens of thousands.
    lines
        .map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .take_while(|fields| fields[2] == LISTEN)
        .any(|fields| fields[0] == local)
}

/// Waits until the server has accepted every connection made so far.
pub(crate) async fn accepted(addr: SocketAddr) {
    let mut client = Client::connect(addr).await.unwrap();
    client.send(PING_CLOSE).await.unwrap();
    assert!(client.response().await.unwrap().is_ok());
    let _ = client.rest().await;
}
