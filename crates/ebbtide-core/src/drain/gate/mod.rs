//! The admission gate: work is let in and counted until it is closed.

mod closed;
mod drained;
mod handle;

pub use closed::Closed;
pub use drained::Drained;
pub use handle::Gate;
