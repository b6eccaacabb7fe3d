//! Probes of the service beside the load: its readiness and its database.

mod database;
#[cfg(feature = "postgres")]
mod postgres;
mod readiness;

#[cfg(not(feature = "postgres"))]
pub(crate) use database::DatabaseProbe;
pub use database::DatabaseTrouble;
#[cfg(feature = "postgres")]
pub(crate) use postgres::DatabaseProbe;
pub(crate) use readiness::{Got, ReadinessProbe, get, try_route};
