//! What the crates for third-party clients share with the library. Not part of the public API: it may change in any release, and
//! those crates are released together with this one.

#[cfg(feature = "queue")]
pub use crate::queue::Combiner;
pub use crate::runtime::heard;
pub use crate::runtime::os::exit::last_word;
pub use crate::util::{BoxFuture, chain, clock};

/// Logs a warning as `tracing::warn!` does, on standard error where no subscriber listens.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($event:tt)*) => { $crate::adapter::heard(|| ::tracing::warn!($($event)*)) };
}

pub use __log_warn as log_warn;
