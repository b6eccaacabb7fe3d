//! The pipeline: read every file, join what belongs together, run the rules, apply the suppressions; and apply the fixes.

mod baseline;
mod check;
mod edits;
mod fingerprint;
mod fix;
mod narrow;
mod parallel;
mod path_ignore;
mod plan;
mod referenced;
mod report;
mod suppression;
mod timeline;

pub use baseline::{Baseline, BaselineEntry, InvalidBaseline};
pub use check::{Options, check};
pub use fix::{Applied, Fixed, Refused, fix};
pub use path_ignore::{InvalidPattern, PathIgnore};
pub(crate) use plan::PlanTimes;
pub use plan::{InvalidPlan, ServicePlan};
pub use referenced::read_referenced;
pub use report::{Counts, Report};
pub use timeline::{SpanKind, Timeline, TimelineRow, TimelineSpan, Timelines, timelines};
