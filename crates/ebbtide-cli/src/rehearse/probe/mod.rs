//! Eyes on the service beside the load: readiness, its database, what it left on disk.

mod get;
mod postgres;
mod readiness;
mod report;
mod store;

pub(crate) use get::{Got, get};
pub(crate) use postgres::{DatabaseProbe, DatabaseTrouble};
pub(crate) use readiness::ReadinessProbe;
pub(crate) use report::report;
pub(crate) use store::{StorePlace, store};
