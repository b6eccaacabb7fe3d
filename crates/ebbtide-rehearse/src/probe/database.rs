//! Why a database could not be observed.

use thiserror::Error;

/// The database cannot be observed.
#[derive(Debug, Error)]
#[error("cannot observe the database: {0}")]
pub struct DatabaseTrouble(pub(super) String);
