//! Why a database could not be observed, and the probe of a build that observes none.

use thiserror::Error;

#[cfg(not(feature = "postgres"))]
use crate::clock::{At, Clock};
#[cfg(not(feature = "postgres"))]
use crate::record::Database;

/// The database cannot be observed.
#[derive(Debug, Error)]
#[error("cannot observe the database: {0}")]
pub struct DatabaseTrouble(pub(super) String);

/// Stands in for the PostgreSQL probe in a build without the feature `postgres`: it cannot be made.
#[cfg(not(feature = "postgres"))]
#[derive(Debug)]
pub(crate) enum DatabaseProbe {}

#[cfg(not(feature = "postgres"))]
impl DatabaseProbe {
    /// # Errors
    ///
    /// Always: the feature is missing.
    pub(crate) async fn start(_url: &str, _clock: Clock) -> Result<Self, DatabaseTrouble> {
        Err(DatabaseTrouble("this build does not have the feature `postgres`".to_owned()))
    }

    pub(crate) fn signalled(&self, _at: At) {
        match *self {}
    }

    pub(crate) async fn stop(self, _exit: At) -> Database {
        match self {}
    }
}
