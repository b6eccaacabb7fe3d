//! Stands in for the PostgreSQL probe in a build without the feature `postgres`: no probe exists there.

use super::DatabaseTrouble;
use crate::clock::{At, Clock};
use crate::record::Database;

/// A probe that cannot be made.
#[derive(Debug)]
pub(crate) enum DatabaseProbe {}

impl DatabaseProbe {
    /// # Errors
    ///
    /// Always: the feature is missing.
    pub(crate) async fn start(_url: &str, _clock: Clock) -> Result<Self, DatabaseTrouble> {
        Err(DatabaseTrouble(
            "watching a database requires the feature `postgres`, which this build does not have".to_owned(),
        ))
    }

    pub(crate) fn signalled(&self, _at: At) {
        match *self {}
    }

    pub(crate) async fn stop(self, _exit: At) -> Database {
        match self {}
    }
}
