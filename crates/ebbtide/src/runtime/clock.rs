//! The one clock. Under tokio's paused time it stands still with the runtime.

use std::time::Instant;

/// Returns the present instant.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the fence sends everybody to")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
