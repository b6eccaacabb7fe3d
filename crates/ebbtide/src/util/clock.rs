//! The only clock of the crate. It follows tokio's paused time.

use std::time::{Duration, Instant};

use crate::model::LONGEST_TIME;

/// Returns the current time of the runtime's clock.
#[expect(clippy::disallowed_methods, reason = "the lint refers all other code to this function")]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns the current time of the system's monotonic clock, for threads outside the runtime, whose clock may be paused.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the threads outside the runtime")]
pub fn real() -> Instant {
    Instant::now()
}

/// Returns the instant `by` after `from`, at most [`LONGEST_TIME`] after it.
pub fn after(from: Instant, by: Duration) -> Instant {
    // Does not overflow on supported platforms.
    from.checked_add(by.min(LONGEST_TIME)).unwrap_or(from)
}

/// Returns the instant `by` before `from`, at most [`LONGEST_TIME`] before it.
pub(crate) fn before(from: Instant, by: Duration) -> Instant {
    // An instant too early to represent is replaced by the current time: both mean that the time has passed.
    from.checked_sub(by.min(LONGEST_TIME)).unwrap_or_else(now)
}

/// Returns a fraction of a time, from none (0.0) to all of it (1.0).
pub(crate) fn share(time: Duration, share: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * share).unwrap_or(time).min(time)
}

/// Returns the wall-clock time, which may be changed while the process runs. No part of a shutdown depends on it. Under
/// tokio's paused time it is shifted by the difference between that clock and the system's.
#[cfg(feature = "cron")]
#[expect(clippy::disallowed_methods, reason = "cron expressions refer to the wall clock")]
pub(crate) fn wall() -> std::time::SystemTime {
    let (virtually, really, wall) = (now(), Instant::now(), std::time::SystemTime::now());
    // Some nanoseconds if time is not paused: the clocks are read one after the other.
    let shifted = match virtually.checked_duration_since(really) {
        Some(ahead) => wall.checked_add(ahead),
        None => wall.checked_sub(really.saturating_duration_since(virtually)),
    };
    shifted.unwrap_or(wall)
}
