use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::watch;

use super::{HealthLayer, HealthService, routes};
use crate::drain::Stop;
use crate::lifecycle::Handle;
use crate::model::{CheckStatus, Phase};
use crate::util::BoxFuture;

/// The state that health probes report. Cheap to clone; all clones share the state.
///
/// # Examples
///
/// ```
/// use ebbtide::health::{Health, HealthState};
///
/// let health = Health::new();
/// health.set(HealthState::Ready);
/// health.set(HealthState::Unready); // a dependency is unreachable; it may recover
/// health.set(HealthState::Draining);
/// health.set(HealthState::Ready); // ignored: a shutdown cannot be revoked
/// assert_eq!(health.state(), HealthState::Draining);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Health {
    source: Source,
    reasons: bool,
}

#[derive(Clone)]
enum Source {
    Set(Arc<watch::Sender<HealthState>>),
    Asked(Arc<dyn Fn() -> HealthState + Send + Sync>),
    Followed(Arc<dyn Follow>),
}

/// A source that has the state and reports changes of it.
trait Follow: Send + Sync {
    fn state(&self) -> HealthState;

    /// Waits until the state may differ from `from`.
    fn changed(&self, from: HealthState) -> BoxFuture<()>;

    fn checks(&self) -> Vec<CheckStatus>;
}

/// The health of the process. It only advances, except that *unready* and *ready* may alternate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// Starting up: not ready.
    Starting,
    /// Started, but not ready for traffic: a readiness check fails.
    Unready,
    /// Ready for traffic.
    Ready,
    /// The shutdown has begun: not ready, but requests are still served.
    Draining,
}

impl Health {
    /// Creates a handle in the state *starting*.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a handle that calls a function for the state at each probe.
    pub fn from_fn(state: impl Fn() -> HealthState + Send + Sync + 'static) -> Self {
        Self { source: Source::Asked(Arc::new(state)), reasons: false }
    }

    fn following(followed: impl Follow + 'static) -> Self {
        Self { source: Source::Followed(Arc::new(followed)), reasons: false }
    }

    /// Includes the errors of failed checks in the response to `?verbose`.
    ///
    /// Errors may contain names of hosts and users: use it only for a listener that is not public. The log always contains them.
    #[must_use = "returns the handle with reasons enabled"]
    pub fn with_reasons(mut self) -> Self {
        self.reasons = true;
        self
    }

    /// Sets a later state, or changes between *unready* and *ready*.
    ///
    /// An earlier state is ignored. A handle that [calls a function](Self::from_fn) or follows a lifecycle ignores every state.
    pub fn set(&self, state: HealthState) {
        if let Source::Set(present) = &self.source {
            present.send_if_modified(|present| {
                let moves = state != *present && state.step() >= present.step();
                if moves {
                    *present = state;
                }
                moves
            });
        }
    }

    /// Returns the current state.
    pub fn state(&self) -> HealthState {
        match &self.source {
            Source::Set(state) => *state.borrow(),
            Source::Asked(state) => state(),
            Source::Followed(followed) => followed.state(),
        }
    }

    /// Waits until the state differs from `from`, and returns it.
    ///
    /// A handle that [calls a function](Self::from_fn) polls it every 100 ms.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub async fn changed(&self, from: HealthState) -> HealthState {
        const ASK_AGAIN: Duration = Duration::from_millis(100);
        loop {
            let state = self.state();
            if state != from {
                return state;
            }
            match &self.source {
                Source::Set(state) => {
                    // Cannot fail: `self` owns the sender.
                    let _ = state.subscribe().wait_for(|state| *state != from).await;
                }
                Source::Asked(_) => tokio::time::sleep(ASK_AGAIN).await,
                Source::Followed(followed) => followed.changed(from).await,
            }
        }
    }

    /// Returns the status of the readiness checks. Their errors are included only [with reasons](Self::with_reasons).
    ///
    /// A handle that does not follow a lifecycle has no checks.
    pub fn checks(&self) -> Vec<CheckStatus> {
        let Source::Followed(followed) = &self.source else { return Vec::new() };
        let mut checks = followed.checks();
        if !self.reasons {
            checks.iter_mut().for_each(|check| check.error = None);
        }
        checks
    }

    /// Puts the health routes in front of a service. Only `GET` and `HEAD` requests for the four exact paths do not reach it.
    pub fn wrap<S>(&self, service: S) -> HealthService<S> {
        HealthService::new(self.clone(), service)
    }

    /// Returns the response to a probe, or `None` for any other request.
    #[inline]
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Option<Response<Bytes>> {
        routes::answer(self, request.method(), request.uri())
    }

    /// Returns [`wrap`](Self::wrap) as a tower layer.
    pub fn layer(&self) -> HealthLayer {
        HealthLayer::new(self.clone())
    }
}

impl HealthState {
    /// Returns the state's name as it appears in the responses to probes.
    pub fn name(self) -> &'static str {
        self.word().trim_end()
    }

    /// Returns the name with a line end.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting\n",
            Self::Unready => "unready\n",
            Self::Ready => "ready\n",
            Self::Draining => "draining\n",
        }
    }

    /// Returns the position in the order of states; *unready* and *ready* share one.
    fn step(self) -> u8 {
        match self {
            Self::Starting => 0,
            Self::Unready | Self::Ready => 1,
            Self::Draining => 2,
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Set(Arc::new(watch::Sender::new(HealthState::Starting)))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set(_) => "Set",
            Self::Asked(_) => "Asked",
            Self::Followed(_) => "Followed",
        })
    }
}

/// Health.
impl Handle {
    /// Returns a handle for the health routes that follows the lifecycle. It is not ready while a readiness check fails,
    /// nor after the shutdown has begun.
    pub fn health_handle(&self) -> Health {
        Health::following(LifecycleHealth { app: self.clone(), stop: self.stop_token() })
    }
}

struct LifecycleHealth {
    app: Handle,
    stop: Stop,
}

impl Follow for LifecycleHealth {
    fn state(&self) -> HealthState {
        match self.app.phase() {
            _ if self.stop.is_stopping() => HealthState::Draining,
            Phase::Starting => HealthState::Starting,
            Phase::Ready if !self.app.board().is_green() => HealthState::Unready,
            Phase::Ready => HealthState::Ready,
            _ => HealthState::Draining,
        }
    }

    fn changed(&self, from: HealthState) -> BoxFuture<()> {
        let (app, stop) = (self.app.clone(), self.stop.clone());
        Box::pin(async move {
            let turned = |green| {
                let board = app.board().clone();
                async move { board.turned(green).await }
            };
            match from {
                HealthState::Starting => drop(stop.unless_stopping(app.reached(Phase::Ready)).await),
                HealthState::Unready => drop(stop.unless_stopping(turned(true)).await),
                HealthState::Ready => drop(stop.unless_stopping(turned(false)).await),
                HealthState::Draining => std::future::pending().await,
            }
        })
    }

    fn checks(&self) -> Vec<CheckStatus> {
        self.app.checks()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_health_change_is_pushed_by_set_and_polled_from_a_function() {
        let health = Health::new();
        let asked = {
            let health = health.clone();
            Health::from_fn(move || health.state())
        };
        let changes = async {
            (health.changed(HealthState::Starting).await, asked.changed(HealthState::Starting).await)
        };
        let (changed, ()) = tokio::join!(changes, async { health.set(HealthState::Draining) });
        assert_eq!(changed, (HealthState::Draining, HealthState::Draining));
        health.set(HealthState::Unready);
        let again = tokio::time::timeout(Duration::from_secs(3600), health.changed(HealthState::Draining));
        assert!(again.await.is_err(), "it is the last state");
    }
}
