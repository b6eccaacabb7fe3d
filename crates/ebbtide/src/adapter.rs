//! Internals for the crates of third-party clients, which are released together with this one. Not part of the public API:
//! they may change in any release.

#[cfg(feature = "queue")]
pub use crate::queue::Combiner;
pub use crate::runtime::log_or_print;
pub use crate::runtime::os::exit::write_stderr;
pub use crate::util::{BoxFuture, chain, clock};

/// Logs a warning as `tracing::warn!` does, or to standard error if no subscriber is set.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($event:tt)*) => { $crate::adapter::log_or_print(|| ::tracing::warn!($($event)*)) };
}

pub use __log_warn as log_warn;
