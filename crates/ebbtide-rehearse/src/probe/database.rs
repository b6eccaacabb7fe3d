//! The error of a database probe, and the placeholder probe of a build without the feature `postgres`.

use thiserror::Error;

#[cfg(not(feature = "postgres"))]
use crate::clock::{At, Clock};
#[cfg(not(feature = "postgres"))]
use crate::record::Database;

/// The database cannot be observed.
#[derive(Debug, Error)]
#[error("cannot observe the database: {0}")]
pub struct DatabaseTrouble(pub(crate) String);

/// A placeholder for the PostgreSQL probe in a build without the feature `postgres`. It cannot be constructed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            DatabaseTrouble(_) => DatabaseTrouble("connection refused".to_owned());
        }
    }
}
