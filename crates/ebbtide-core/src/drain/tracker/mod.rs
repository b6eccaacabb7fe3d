//! The in-flight tracker: sharded counts, and the wake-up of who waits for none.

mod counts;
mod guard;
mod handle;
mod idle;
mod lease;
mod ledger;
mod waiters;

pub use guard::Guard;
pub use handle::Tracker;
pub use idle::Idle;

pub(super) use idle::{Until, Wait};

#[cfg(all(test, ebbtide_loom))]
pub(super) use ledger::Ledger;
