//! OpenTelemetry for [`ebbtide`]: the telemetry of a process, flushed on every exit path.
//!
//! Exporters send in batches, from separate threads: data that was not sent is lost with the process.
//! [`OpenTelemetryExt::opentelemetry`] registers a flusher (see
//! [`Handle::try_on_flush`](ebbtide::Handle::try_on_flush)) for a provider of traces, metrics or logs.
//!
//! # The forced path
//!
//! When the watchdog ends the process, the runtime is blocked. So is an exporter whose connection lives on it: gRPC
//! through tonic, HTTP through an async client. [`on_separate_runtime`] builds such an exporter on a separate runtime, which
//! continues.

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would break the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod handle;
mod provider;
mod separate_runtime;

pub use handle::OpenTelemetryExt;
pub use provider::Provider;
pub use separate_runtime::on_separate_runtime;
