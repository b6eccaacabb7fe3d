//! Waiting for what isn't there yet.

mod error;
mod options;
mod run;

pub use error::RetryError;
pub use options::Retry;
