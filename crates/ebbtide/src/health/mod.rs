//! Health routes: `/livez`, `/readyz`, `/startupz` and `/healthz`.
//!
//! `/livez` is green as long as the process answers, while it drains too: a liveness probe must never kill a drain.
//! `/readyz` is green only while the service wants new traffic, and with `?verbose` it tells as JSON how each readiness check
//! stands. `/healthz` is another name for `/readyz`, for probes
//! that know only that one. `/startupz` turns green when the start-up is over, and stays green.
//!
//! No server has them unless asked: `Handle::health_routes` adds them to an axum router (feature `axum`), [`Health::wrap`] puts them
//! in front of any service, and `Handle::health` or `http::serve_health` (feature `http`) serve them alone.

#[cfg(feature = "axum")]
mod axum;
mod routes;
mod service;
mod state;

#[cfg(feature = "http")]
pub(crate) use routes::is_probe;
pub use service::{HealthFuture, HealthLayer, HealthService};
pub use state::{Health, HealthState};
