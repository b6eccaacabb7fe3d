//! The clock of a rehearsal: every event of a run has a time on it.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A time within a run, in microseconds since the run began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(pub u64);

impl At {
    /// Returns the duration from `earlier` to this time; zero when `earlier` is later.
    pub fn since(self, earlier: At) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Returns the milliseconds since `origin`; negative before it.
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

/// Converts a number of seconds to a duration: zero for a negative number or NaN, at most one day.
pub fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number.clamp(0.0, 86_400.0)).unwrap_or_default()
}

/// Measures the times of one run. All copies share one origin, on every thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts the clock of a run at zero.
    #[expect(clippy::disallowed_methods, reason = "this is the rehearsal's own clock")]
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Returns the current time.
    pub(crate) fn now(self) -> At {
        At(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
