//! Readiness checks: how one is run and judged, and what its runs amount to.

mod settings;
mod standing;

pub use settings::{Check, CheckStatus};
pub use standing::{Standing, Verdict};
