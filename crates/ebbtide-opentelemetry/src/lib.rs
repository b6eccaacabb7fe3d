//! OpenTelemetry for [`ebbtide`]: what a program tells of itself, flushed on every path.
//!
//! Exporters send in batches, from threads of their own: what a process had said and not sent is gone with it.
//! [`OpenTelemetryExt::opentelemetry`] registers a flusher (see [`Handle::try_on_flush`](ebbtide::Handle::try_on_flush)) for a
//! provider of traces, metrics or logs.
//!
//! # The forced path
//!
//! Where the watchdog ends the process, the runtime is blocked, and with it an exporter whose connection lives on it: gRPC
//! through tonic, HTTP through an async client. [`apart`] builds such an exporter on a runtime of its own, which goes on.

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them is a lost shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod apart;
mod handle;
mod provider;

pub use apart::apart;
pub use handle::OpenTelemetryExt;
pub use provider::Provider;
