//! Health routes: `/livez`, `/readyz`, `/startupz` and `/healthz`.
//!
//! - `/livez` responds with 200 as long as the process responds, also while it drains: a liveness probe must never end a drain.
//! - `/readyz` responds with 200 only while the service is ready for new traffic. With `?verbose`, it returns the status of each
//!   readiness check as JSON.
//! - `/healthz` is an alias of `/readyz`, for probes that support only that path.
//! - `/startupz` responds with 200 when the start-up has finished, and until the process exits.
//!
//! Otherwise, the status is 503.
//!
//! No server has these routes by default. `Handle::health_routes` adds them to an axum router (feature `axum`).
//! [`Health::wrap`] puts them in front of any service. `Handle::health` and `http::serve_health` (feature `http`) serve
//! them on a separate listener.

#[cfg(feature = "axum")]
mod axum;
mod routes;
mod service;
mod state;

#[cfg(feature = "http")]
pub(crate) use routes::is_probe;
pub use service::{HealthFuture, HealthLayer, HealthService};
pub use state::{Health, HealthState};
