//! The judgement of one run.

use serde::Serialize;

use super::checks;
use super::fate::Case;
use super::notes::notes;
use super::shapes::summaries;
use super::{Check, Counts, ShapeSummary, Terms, Timeline, Verdict};
use crate::record::{Ended, Record};

/// The judgement of one run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RunVerdict {
    /// What its checks come to.
    pub verdict: Verdict,
    /// How many requests the shutdown lost, truncated, let time out or answered wrongly.
    pub lost_by_shutdown: u64,
    /// Its requests.
    pub requests: Counts,
    /// The process's end.
    pub exit: ExitSeen,
    /// Each check.
    pub checks: Vec<Check>,
    /// Its requests by shape.
    pub shapes: Vec<ShapeSummary>,
    /// What is no finding and still good to know.
    pub notes: Vec<String>,
    /// What happened when.
    pub timeline: Timeline,
}

/// How the process ended.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct ExitSeen {
    /// Its exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Milliseconds from the stop signal to its end.
    pub after_ms: Option<f64>,
}

/// Judges `record` by `terms`.
pub(crate) fn judge(record: &Record, terms: &Terms) -> RunVerdict {
    let case = Case::new(record, terms);
    let shapes = summaries(&case);
    let checks = checks::all(&case, &shapes);
    RunVerdict {
        verdict: Verdict::of(&checks),
        lost_by_shutdown: case.lost(),
        requests: Counts::of(&case.requests),
        exit: exit(record),
        checks,
        shapes,
        notes: notes(&case),
        timeline: Timeline::of(&case),
    }
}

fn exit(record: &Record) -> ExitSeen {
    let Some((at, ended)) = record.exit else { return ExitSeen::default() };
    let after_ms = Some((at.ms_from(record.signalled) * 1000.0).round() / 1000.0);
    match ended {
        Ended::Code(code) => ExitSeen { code: Some(code), signal: None, after_ms },
        Ended::Signal(signal) => ExitSeen { code: None, signal: Some(signal), after_ms },
    }
}
