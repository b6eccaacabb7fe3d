//! Health routes: `/livez`, `/readyz`, `/startupz` and `/healthz`.
//!
//! `/livez` is green as long as the process answers, while it drains too: a liveness probe must never kill a drain.
//! `/readyz` is green only while the service wants new traffic. `/healthz` is another name for `/readyz`, for probes
//! that know only that one. `/startupz` turns green when the start-up is over, and stays green.

mod routes;
mod serve;
mod service;
mod state;

pub use serve::serve;
pub use service::{HealthFuture, HealthLayer, HealthService};
pub use state::{Health, HealthState};
