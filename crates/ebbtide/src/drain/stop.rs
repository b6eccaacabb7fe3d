use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::Cause;

const STOPPING: u8 = 1;
const CUT: u8 = 2;

/// Raises a [`Stop`].
///
/// Purposefully not `Clone`: whoever holds it decides, everybody else holds the token.
#[derive(Debug)]
pub struct StopSource {
    token: Stop,
}

/// Tells a component or a job whether it is to stop, and how urgently.
#[derive(Clone, Debug)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    level: AtomicU8,
    details: OnceLock<(Cause, Option<Instant>)>,
    now: fn() -> Instant,
    changed: Notify,
}

impl StopSource {
    /// Makes a source whose tokens are not stopping. `now` is the clock that [`Stop::time_left`] asks.
    pub fn new(now: fn() -> Instant) -> Self {
        let shared =
            Shared { level: AtomicU8::new(0), details: OnceLock::new(), now, changed: Notify::new() };
        Self { token: Stop { shared: Arc::new(shared) } }
    }

    /// Returns a token.
    pub fn token(&self) -> Stop {
        self.token.clone()
    }

    /// Raises the tokens to *stopping*. Only the first call counts; returns whether this was it.
    pub fn stop(&self, cause: Cause, deadline: Option<Instant>) -> bool {
        let first = self.token.shared.details.set((cause, deadline)).is_ok();
        self.token.shared.level.fetch_max(STOPPING, Ordering::SeqCst);
        self.token.shared.changed.notify_waiters();
        first
    }

    /// Raises the tokens to *cut*, which implies *stopping*.
    pub fn cut(&self) {
        self.token.shared.level.fetch_max(CUT, Ordering::SeqCst);
        self.token.shared.changed.notify_waiters();
    }
}

impl Stop {
    /// Tells whether to finish what is held and take nothing new. One atomic load.
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.shared.level.load(Ordering::Acquire) >= STOPPING
    }

    /// Tells whether the time is up.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.shared.level.load(Ordering::Acquire) >= CUT
    }

    /// Waits until the token is stopping.
    pub async fn stopping(&self) {
        self.reached(STOPPING).await;
    }

    /// Waits until the token is cut.
    pub async fn cut(&self) {
        self.reached(CUT).await;
    }

    /// Returns why the stop began, once it has.
    pub fn cause(&self) -> Option<&Cause> {
        self.shared.details.get().map(|(cause, _)| cause)
    }

    /// Returns the instant at which the token will be cut, once the stop has begun and has a limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.shared.details.get().and_then(|(_, deadline)| *deadline)
    }

    /// Returns the time until the cut; zero once it has passed.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_duration_since((self.shared.now)()))
    }

    async fn reached(&self, level: u8) {
        loop {
            let changed = self.shared.changed.notified();
            if self.shared.level.load(Ordering::Acquire) >= level {
                return;
            }
            changed.await;
        }
    }
}
