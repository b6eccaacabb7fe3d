//! gRPC: tonic's services on the server, and `grpc.health.v1` that follows readiness.
//!
//! tonic's `Routes` is a tower service like any other: [`Life::http`](crate::Life::http) serves it as it is, and
//! merged with an axum router. [`Life::grpc`](crate::Life::grpc) puts [`GrpcHealth`] beside it.

mod health;
mod life;
mod names;
mod watch;

pub use health::GrpcHealth;
pub use watch::WatchStream;
