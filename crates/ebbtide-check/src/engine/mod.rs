//! The pipeline: read every file, join what belongs together, run the rules, apply the suppressions.

mod check;
mod parallel;
mod plan;
mod report;
mod suppression;

pub use check::{Options, check};
pub use plan::{InvalidPlan, ServicePlan};
pub use report::{Counts, Report};
