//! The rehearsal's own clock: every event of a run is a moment on it.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant};

use serde::Serialize;

/// A moment of a run, in microseconds since the run began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct At(pub u64);

impl At {
    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: At) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Milliseconds relative to `origin`, negative before it.
    pub fn ms_from(self, origin: At) -> f64 {
        (self.0 as f64 - origin.0 as f64) / 1000.0
    }
}

impl Add<Duration> for At {
    type Output = At;

    fn add(self, more: Duration) -> At {
        At(self.0.saturating_add(u64::try_from(more.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0 as f64 / 1000.0)
    }
}

/// So many seconds; none where the number is negative or none at all, and a day at most.
pub fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number.clamp(0.0, 86_400.0)).unwrap_or_default()
}

/// Tells the moments of one run. Copies agree with each other on every thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// Begins a run: now is its moment zero.
    #[expect(clippy::disallowed_methods, reason = "this is the rehearsal's own clock")]
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The present moment.
    pub(crate) fn now(self) -> At {
        At(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
