//! Readiness, looked at every few milliseconds.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Got, get};
use crate::clock::Clock;
use crate::record::{ReadySample, ReadyState};

/// A probe that looks until it is told to stop.
#[derive(Debug)]
pub(crate) struct ReadinessProbe {
    task: JoinSet<Vec<ReadySample>>,
    on: watch::Sender<bool>,
}

/// The time between two looks.
const EVERY: Duration = Duration::from_millis(5);
/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(1);

impl ReadinessProbe {
    /// Starts to look at `path`.
    pub(crate) fn start(socket: SocketAddr, authority: String, path: String, clock: Clock) -> Self {
        let (on, watch) = watch::channel(true);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut seen = Vec::new();
            while *watch.borrow() {
                let begun = clock.now();
                let state = match get(socket, &authority, &path, LIMIT).await {
                    got if got.is_ready() => ReadyState::Ready,
                    Got::Status(status) => ReadyState::Red(status),
                    Got::Refused => ReadyState::Refused,
                    Got::NotHttp(_) | Got::Nothing => ReadyState::NoAnswer,
                };
                seen.push(ReadySample { begun, ended: clock.now(), state });
                sleep(EVERY).await;
            }
            seen
        });
        Self { task, on }
    }

    /// Stops looking and tells what was seen.
    pub(crate) async fn stop(mut self) -> Vec<ReadySample> {
        self.on.send_replace(false);
        self.task.join_next().await.and_then(Result::ok).unwrap_or_default()
    }
}
