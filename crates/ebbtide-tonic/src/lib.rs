//! gRPC for [`ebbtide`]: tonic's services on the server, and `grpc.health.v1` that follows readiness.
//!
//! tonic's `Routes` is a tower service like any other: [`Handle::http`](ebbtide::Handle::http) serves it as it is, and
//! merged with an axum router. [`TonicExt::grpc`] puts [`GrpcHealth`] beside it.

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them is a lost shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod handle;
mod health;

pub use handle::TonicExt;
pub use health::{GrpcHealth, WatchStream};
