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

/// What the probes are told. Cheap to clone; all clones say the same.
///
/// # Examples
///
/// ```
/// use ebbtide::health::{Health, HealthState};
///
/// let health = Health::new();
/// health.set(HealthState::Ready);
/// health.set(HealthState::Unready); // a dependency is away; it may come back
/// health.set(HealthState::Draining);
/// health.set(HealthState::Ready); // too late: a stop is never taken back
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

/// Something that knows the state by itself, and tells when it changes.
trait Follow: Send + Sync {
    fn state(&self) -> HealthState;

    /// Waits until the state may be another one than `from`.
    fn changed(&self, from: HealthState) -> BoxFuture<()>;

    fn checks(&self) -> Vec<CheckStatus>;
}

/// How far the process is. It only goes forward, but for *unready* and *ready*, which may take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// Starting up: not ready.
    Starting,
    /// Started, and not ready for traffic now: a readiness check is red.
    Unready,
    /// Ready for traffic.
    Ready,
    /// The stop has begun: not ready, and still answering.
    Draining,
}

impl Health {
    /// Makes a handle that says *starting*.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a handle that asks for the state at each probe.
    pub fn from_fn(state: impl Fn() -> HealthState + Send + Sync + 'static) -> Self {
        Self { source: Source::Asked(Arc::new(state)), reasons: false }
    }

    fn following(followed: impl Follow + 'static) -> Self {
        Self { source: Source::Followed(Arc::new(followed)), reasons: false }
    }

    /// Lets `?verbose` tell what a check failed with as well, which may name hosts and users: for a listener that the public
    /// doesn't reach. The log has it in any case.
    #[must_use = "returns the handle with reasons enabled"]
    pub fn with_reasons(mut self) -> Self {
        self.reasons = true;
        self
    }

    /// Moves to a later state, or between *unready* and *ready*. A state that lies behind is ignored, and so is any by a handle
    /// that asks.
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

    /// Returns the present state.
    pub fn state(&self) -> HealthState {
        match &self.source {
            Source::Set(state) => *state.borrow(),
            Source::Asked(state) => state(),
            Source::Followed(followed) => followed.state(),
        }
    }

    /// Waits until the state is another one than `from`, and returns it.
    ///
    /// A handle that [asks](Self::from_fn) cannot know when to ask: it does so every 100 ms.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn changed(&self, from: HealthState) -> HealthState {
        const ASK_AGAIN: Duration = Duration::from_millis(100);
        loop {
            let state = self.state();
            if state != from {
                return state;
            }
            match &self.source {
                Source::Set(state) => {
                    // It cannot fail: the sender is ours.
                    let _ = state.subscribe().wait_for(|state| *state != from).await;
                }
                Source::Asked(_) => tokio::time::sleep(ASK_AGAIN).await,
                Source::Followed(followed) => followed.changed(from).await,
            }
        }
    }

    /// Returns how the readiness checks stand, without what they failed with unless the handle was
    /// [told to](Self::with_reasons) say it. A handle that follows no lifecycle knows none.
    pub fn checks(&self) -> Vec<CheckStatus> {
        let Source::Followed(followed) = &self.source else { return Vec::new() };
        let mut checks = followed.checks();
        if !self.reasons {
            checks.iter_mut().for_each(|check| check.error = None);
        }
        checks
    }

    /// Puts the health routes in front of a service. Only `GET` and `HEAD` of the four exact paths are taken from it.
    pub fn wrap<S>(&self, service: S) -> HealthService<S> {
        HealthService::new(self.clone(), service)
    }

    /// Answers a request if it is a probe.
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
    /// Returns the state's name as it stands in the probes' answers.
    pub fn name(self) -> &'static str {
        self.word().trim_end()
    }

    /// Returns the name as a line of text.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting\n",
            Self::Unready => "unready\n",
            Self::Ready => "ready\n",
            Self::Draining => "draining\n",
        }
    }

    /// Numbers the states in the order in which they follow each other.
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
    /// Returns a handle for the health routes that follows the lifecycle: red while a readiness check is, and from the instant
    /// the stop begins.
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
    async fn a_change_is_told_by_whoever_knows_and_asked_for_where_nobody_does() {
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
