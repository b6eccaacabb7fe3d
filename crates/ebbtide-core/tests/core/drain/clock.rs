//! The tests' clock.

use std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "these tests give the primitives their clock; nothing here pauses it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
