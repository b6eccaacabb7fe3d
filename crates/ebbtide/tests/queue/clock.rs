//! The tests' clock, which stands still with the runtime's.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the tests pause this clock")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
