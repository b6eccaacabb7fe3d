//! The one clock. Under tokio's paused time it stands still with the runtime.

use std::time::{Duration, Instant};

/// Returns the present instant.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the fence sends everybody to")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns the instant that lies `by` after `from`; thirty years after it where that cannot be told, which is never.
pub(crate) fn after(from: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    from.checked_add(by).unwrap_or_else(|| from + FAR)
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
        None => wall.checked_sub(really - virtually),
    };
    shifted.unwrap_or(wall)
}
