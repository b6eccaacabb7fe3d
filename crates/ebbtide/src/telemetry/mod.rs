//! What a program tells of itself, flushed on every path.
//!
//! Exporters and log writers send in batches, from threads of their own: what a process had said and not sent is gone with it.
//! The helpers here register a flusher (see [`Life::try_on_flush`](crate::Life::try_on_flush)) for what people use:
//!
//! | feature | what | how |
//! |---|---|---|
//! | `opentelemetry` | traces, metrics and logs of the OpenTelemetry SDK | [`Life::opentelemetry`](crate::Life::opentelemetry) |
//! | `tracing-appender` | lines of a non-blocking writer | [`non_blocking`], [`Life::tracing_appender`](crate::Life::tracing_appender) |
//!
//! Anything else is a closure: a final push to a gateway, a file that is synced.
//!
//! # The forced path
//!
//! Where the watchdog ends the process, the runtime is blocked, and with it an exporter whose connection lives on it: gRPC
//! through tonic, HTTP through an async client. [`apart`] builds such an exporter on a runtime of its own, which goes on.

mod apart;
#[cfg(feature = "tracing-appender")]
mod appender;
#[cfg(any(feature = "opentelemetry", feature = "tracing-appender"))]
mod life;
#[cfg(feature = "opentelemetry")]
mod provider;

pub use apart::apart;
#[cfg(feature = "tracing-appender")]
pub use appender::{Appender, NotWritten, non_blocking, non_blocking_with};
#[cfg(feature = "opentelemetry")]
pub use provider::Provider;
