//! What a stop is, without a runtime: no async, no clock, no I/O.

mod cause;
pub(crate) mod millis;
mod straggler;

pub use cause::Cause;
pub use straggler::Straggler;
