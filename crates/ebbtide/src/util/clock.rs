//! The one clock. Under tokio's paused time it stands still with the runtime.

use std::time::{Duration, Instant};

use crate::model::LONGEST_TIME;

/// Returns the present instant.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the fence sends everybody to")]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns the present instant in real time: for the threads beside the runtime, whose clock may stand still with it.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the threads beside the runtime")]
pub fn real() -> Instant {
    Instant::now()
}

/// Returns the instant that lies `by` after `from`, at most [`LONGEST_TIME`] after it.
pub fn after(from: Instant, by: Duration) -> Instant {
    // An instant of this platform has room for that.
    from.checked_add(by.min(LONGEST_TIME)).unwrap_or(from)
}

/// Returns the instant that lies `by` before `from`, at most [`LONGEST_TIME`] before it.
pub(crate) fn before(from: Instant, by: Duration) -> Instant {
    // Where an instant cannot be that early, whatever lies so long ago is over.
    from.checked_sub(by.min(LONGEST_TIME)).unwrap_or_else(now)
}

/// Returns a share of a time, from none (0.0) to all of it (1.0).
pub(crate) fn share(time: Duration, share: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * share).unwrap_or(time).min(time)
}

/// Returns the time of the day, which somebody may set. Nothing of a stop depends on it. Under tokio's paused time it is as
/// far ahead or behind as that clock is.
#[cfg(feature = "cron")]
#[expect(clippy::disallowed_methods, reason = "cron expressions name times of the day")]
pub(crate) fn wall() -> std::time::SystemTime {
    let (virtually, really, wall) = (now(), Instant::now(), std::time::SystemTime::now());
    // Some nanoseconds where time is not paused: the two were read one after the other.
    let shifted = match virtually.checked_duration_since(really) {
        Some(ahead) => wall.checked_add(ahead),
        None => wall.checked_sub(really.saturating_duration_since(virtually)),
    };
    shifted.unwrap_or(wall)
}
