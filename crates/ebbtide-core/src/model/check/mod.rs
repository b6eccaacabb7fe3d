//! Readiness checks: their settings, and the state that follows from the results of their runs.

mod settings;
mod standing;

pub use settings::{Check, CheckStatus};
pub use standing::{CheckState, Verdict};
