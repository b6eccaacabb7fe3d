//! Non-blocking log writers for [`ebbtide`], through the crate `tracing-appender`: the last line is written on every
//! exit path.
//!
//! Such a writer queues lines for a separate thread: lines that are not written are lost with the process.
//! [`non_blocking`] returns a writer with an [`Appender`] that waits for them, and
//! [`TracingAppenderExt::tracing_appender`] registers that.

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would break the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod appender;
#[cfg(test)]
mod error_form;
mod handle;

pub use appender::{Appender, NotWritten, non_blocking, non_blocking_with};
pub use handle::TracingAppenderExt;
