//! The judgement: a pure pass over the record of a run. No clock, no I/O, no process.

#[cfg(test)]
mod advice;
mod baseline;
mod blame;
mod bodies;
mod case;
mod check;
mod checks;
mod counts;
mod earlier_failures;
mod executed;
mod fate;
mod headline;
mod judge;
mod losses;
mod notes;
mod observed;
mod picture;
mod rehearsal;
mod route_table;
mod routes;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
mod servers;
#[cfg(test)]
mod tests;
mod timeline;
mod unacknowledged;
mod unusable;

pub(crate) use case::Case;
pub use check::{Check, CheckId, Finding, Verdict};
pub use counts::{Counts, Latency, ShapeSummary};
pub use executed::Executed;
pub use headline::Headline;
pub(crate) use judge::judge;
pub use judge::{ExitSeen, RunVerdict, Terms};
pub use picture::{OutcomeClass, Picture, PicturedRequest};
pub(crate) use rehearsal::conclude;
pub use rehearsal::{Facts, NumberedRun, RehearsalVerdict};
pub use routes::RouteSummary;
pub(crate) use servers::usual_stop;
pub use timeline::{Bars, Landmark, Timeline};
pub use unacknowledged::Unacknowledged;
pub(crate) use unusable::{Suggests, Unusable};
