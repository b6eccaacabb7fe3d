//! Polls readiness or liveness every few milliseconds, with one GET a poll.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock::{At, Clock};
use crate::record::{Outcome, POLL_LIMIT, ReadySample, ReadyState};
use crate::scenario::Route;
use crate::wire::{Address, Connection, NoConnection, ProbeResponse, RequestSpec, Silence, TlsFailure};

/// A probe that polls until it is stopped.
#[derive(Debug)]
pub(crate) struct ReadinessProbe {
    task: JoinSet<Vec<ReadySample>>,
    on: watch::Sender<bool>,
}

/// The interval between two polls.
const EVERY: Duration = Duration::from_millis(5);

impl ReadinessProbe {
    /// Starts to poll `path`. A poll whose connection was not accepted in time is `unconnected`.
    pub(crate) fn start(to: Address, path: String, unconnected: ReadyState, clock: Clock) -> Self {
        let (on, watch) = watch::channel(true);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let (mut seen, route) = (Vec::new(), Route::get(&path));
            while *watch.borrow() {
                let (begun, is_connected) = (clock.now(), AtomicBool::new(false));
                let polled = timeout(POLL_LIMIT, ask(&to, &route, &is_connected)).await;
                let state = match polled.unwrap_or(Got::Nothing) {
                    got if got.is_ready() => ReadyState::Ready,
                    Got::Status(status) => ReadyState::Red(status),
                    Got::Refused => ReadyState::Refused,
                    Got::Nothing if !is_connected.load(Ordering::Relaxed) => unconnected,
                    Got::Grpc | Got::NotHttp(_) | Got::Tls(_) | Got::Nothing => ReadyState::NoAnswer,
                };
                seen.push(ReadySample { begun, ended: clock.now(), state });
                sleep(EVERY).await;
            }
            seen
        });
        Self { task, on }
    }

    /// Stops the probe and returns its samples.
    pub(crate) async fn stop(mut self) -> Vec<ReadySample> {
        self.on.send_replace(false);
        self.task.join_next().await.and_then(Result::ok).unwrap_or_default()
    }
}

/// The result of one GET.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Got {
    /// A final status.
    Status(u16),
    /// A gRPC status: no HTTP route has the path.
    Grpc,
    /// The connection was refused.
    Refused,
    /// Bytes that are not HTTP/1, beginning with this one.
    NotHttp(u8),
    /// No handshake of TLS.
    Tls(TlsFailure),
    /// The connection ended, or the time did, without a final status.
    Nothing,
}

impl Got {
    /// Whether it means ready, as for the kubelet.
    pub(crate) fn is_ready(self) -> bool {
        matches!(self, Self::Status(200..=399))
    }
}

/// Sends a GET for `path` to `to` on a new connection, within `limit`. Only the status counts.
pub(crate) async fn get(to: &Address, path: &str, limit: Duration) -> Got {
    try_route(to, &Route::get(path), limit).await
}

/// Sends one request along `route` to `to` on a new connection, within `limit`. Only the status counts.
pub(crate) async fn try_route(to: &Address, route: &Route, limit: Duration) -> Got {
    timeout(limit, ask(to, route, &AtomicBool::new(false))).await.unwrap_or(Got::Nothing)
}

async fn ask(to: &Address, route: &Route, is_connected: &AtomicBool) -> Got {
    let mut connection = match Connection::open(to, At::default(), &Silence::default()).await {
        Ok(connection) => connection,
        Err(NoConnection::Outcome(Outcome::Refused)) => return Got::Refused,
        Err(NoConnection::Tls(failure)) => return Got::Tls(failure),
        Err(_) => return Got::Nothing,
    };
    is_connected.store(true, Ordering::Relaxed);
    let Ok(request) = RequestSpec::plain(route).last().request(to, None) else {
        return Got::Nothing;
    };
    match connection.status(request).await {
        Ok(ProbeResponse { grpc: true, .. }) => Got::Grpc,
        Ok(ProbeResponse { status, .. }) => Got::Status(status),
        Err(Outcome::Malformed) => Got::NotHttp(connection.first_byte().unwrap_or_default()),
        Err(_) => Got::Nothing,
    }
}
