//! The shutdown of each workload on one time axis.

mod build;
mod row;
mod workloads;

pub use row::{SpanKind, TimelineRow, TimelineSpan};
pub use workloads::{Timeline, Timelines, timelines};
