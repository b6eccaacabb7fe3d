//! Eyes on the service beside the load: readiness, its database, what it left on disk.

mod database;
mod get;
#[cfg_attr(not(feature = "postgres"), path = "no_postgres.rs")]
mod postgres;
mod readiness;
mod report;

pub(crate) use database::DatabaseTrouble;
pub(crate) use get::{Got, get};
pub(crate) use postgres::DatabaseProbe;
pub(crate) use readiness::ReadinessProbe;
pub(crate) use report::report;
