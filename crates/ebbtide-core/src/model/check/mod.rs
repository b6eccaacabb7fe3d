//! Readiness checks: how one is run and judged, and what its runs amount to.

mod settings;
mod standing;
mod status;

pub use settings::Check;
pub use standing::{Standing, Verdict};
pub use status::CheckStatus;
