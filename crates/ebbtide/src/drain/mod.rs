//! The primitives of a drain: stop token, in-flight tracker, registry of stragglers, gate.
//!
//! Nothing here knows time, the network or signals.

mod gate;
mod registry;
mod stop;
mod tracker;
mod work;

pub use gate::{Closed, Gate};
pub use registry::{Entry, Registry};
pub use stop::{Stop, StopSource};
pub use tracker::{Guard, Tracker};
pub use work::{Arrivals, Work};
