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
#[cfg(test)]
pub(crate) mod samples;
mod shapes;
mod terms;
#[cfg(test)]
mod tests;
mod timeline;
mod usual;

pub(crate) use baseline::broken;
pub(crate) use check::{Check, CheckId, Finding, Verdict};
pub(crate) use counts::Counts;
pub(crate) use judge::{ExitSeen, RunVerdict, judge};
pub(crate) use rehearsal::{Facts, NumberedRun, Rehearsal, conclude};
pub(crate) use shapes::{Latency, ShapeSummary};
pub(crate) use terms::Terms;
pub(crate) use timeline::{Bars, Timeline};
