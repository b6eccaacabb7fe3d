//! The primitives of a drain: stop token, in-flight tracker, registry of stragglers.
//!
//! Nothing here depends on a runtime, the network or signals. Each concurrent type has its numbered invariants above it; the
//! tests and the loom models cite them.

mod arrivals;
#[cfg(test)]
#[cfg(ebbtide_loom)]
mod models;
mod registry;
mod shards;
mod stop;
mod sync;
mod tracker;
mod work;

pub use arrivals::Arrivals;
pub use registry::{Entry, Registry};
pub use stop::{Cancelled, Stop, StopSource, Stopping, Unless};
pub use tracker::{Guard, Idle, Tracker};
pub use work::{Work, WorkCounts};
