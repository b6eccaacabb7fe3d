use std::time::Duration;

use crate::model::show_duration;
use crate::runtime::BoxError;

/// Why something that was tried again and again was not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// Its attempts are used up.
    #[error("gave up on {name} after {attempts} attempts in {}", show_duration(*took))]
    GaveUp {
        /// What was tried.
        name: String,
        /// How often.
        attempts: u32,
        /// How long it took.
        took: Duration,
        /// What the last attempt failed with.
        source: BoxError,
    },
    /// The stop began.
    #[error("the service stops while it waits for {name}")]
    Stopping {
        /// What was tried.
        name: String,
    },
}
