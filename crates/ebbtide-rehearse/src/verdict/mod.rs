//! The judgement: a pure pass over the record of a run. No clock, no I/O, no process.

mod baseline;
mod check;
mod checks;
mod counts;
mod fate;
mod judge;
mod losses;
mod notes;
mod reason;
mod rehearsal;
#[cfg(any(test, feature = "samples"))]
pub(crate) mod samples;
mod shapes;
mod terms;
#[cfg(test)]
mod tests;
mod timeline;
mod usual;

pub(crate) use baseline::broken;
pub use check::{Check, CheckId, Finding, Verdict};
pub use counts::Counts;
pub(crate) use judge::judge;
pub use judge::{ExitSeen, RunVerdict};
pub(crate) use rehearsal::conclude;
pub use rehearsal::{Facts, NumberedRun, Rehearsal};
pub use shapes::{Latency, ShapeSummary};
pub(crate) use terms::Terms;
pub use timeline::{Bars, Timeline};
