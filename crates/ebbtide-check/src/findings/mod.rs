//! What a rule is, and what it reports.

mod change;
mod finding;
mod rule;
mod severity;
mod sum;

pub(crate) use change::{Change, Repair};
pub use finding::{Edit, Finding, Fix, Label, Suppressed};
pub use rule::{Example, Rule};
pub use severity::{InvalidSeverity, Severity};
pub(crate) use sum::Sum;
