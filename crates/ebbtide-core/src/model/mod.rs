//! The model of a shutdown, without a runtime: no async, no clock, no I/O.
//!
//! Instants are durations since the lifecycle began, so that a test can choose any of them.

mod budget;
mod cause;
mod check;
mod component;
mod machine;
mod outcome;
mod phase;
mod plan;
mod platform;
mod report;
mod snapshot;
mod time;

pub use budget::{Budget, BudgetError, LameDuck};
pub use cause::Cause;
pub use check::{Check, CheckState, CheckStatus, Verdict};
pub use component::{ComponentId, ComponentState, Kind, Spec, Stage};
pub use machine::{Effect, End, Event, Machine, Progress};
pub use outcome::{Exit, Outcome};
pub use phase::{Phase, PhaseChange};
pub use plan::Plan;
pub use platform::Platform;
pub use report::{ComponentReport, REPORT_SCHEMA, Report, Straggler, Totals};
pub use snapshot::{ComponentSnapshot, SNAPSHOT_SCHEMA, Snapshot, StopSnapshot};
#[doc(hidden)]
pub use time::part;
pub use time::{DurationError, LONGEST_TIME, parse_duration, show_duration};

use time::millis;
