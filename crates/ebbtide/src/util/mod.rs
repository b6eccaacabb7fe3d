//! Utilities that all modules use and that depend on none of them.

mod backoff;
pub mod clock;
pub(crate) mod panics;

pub use backoff::Backoff;
pub(crate) use backoff::chance;
pub(crate) use panics::Caught;
pub use panics::{BoxError, BoxFuture, chain};
