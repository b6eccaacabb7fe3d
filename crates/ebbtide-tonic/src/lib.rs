//! gRPC for [`ebbtide`]: serves tonic services, and `grpc.health.v1` that follows readiness.
//!
//! tonic's `Routes` is a tower service: [`Handle::http`](ebbtide::Handle::http) serves it directly or merged with an axum
//! router. [`TonicExt::grpc`] serves it together with [`GrpcHealth`].

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Times come from outside, and a panic in the arithmetic on them would break the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod handle;
mod health;
mod unknown_paths;

pub use handle::TonicExt;
pub use health::{GrpcHealth, WatchStream};
