//! The in-flight tracker: sharded counts, and the wake-up of tasks that wait until nothing is in flight.

mod counts;
mod handle;
mod idle;
mod lease;
mod state;

pub use handle::{Guard, Tracker};
pub use idle::Idle;

#[cfg(all(test, ebbtide_loom))]
pub(super) use state::TrackerState;
