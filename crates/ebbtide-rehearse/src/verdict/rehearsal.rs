//! Combines all runs of a rehearsal.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Check, CheckId, Counts, ExitSeen, Finding, Headline, RunVerdict, Unacknowledged, Verdict};
use crate::record::{Observed, Record, Shape};

/// The result of all runs.
#[derive(Clone, PartialEq, Debug)]
pub struct RehearsalVerdict {
    /// The verdict of the checks.
    pub verdict: Verdict,
    /// How many requests the shutdown lost, truncated, let time out or answered wrongly, and how many connections it refused too early.
    pub lost_by_shutdown: u64,
    /// How many requests of each shape were in flight at the signal, over all runs.
    pub in_flight_at_signal: BTreeMap<Shape, u64>,
    /// The sums over all runs.
    pub requests: Counts,
    /// The exit of the first run that failed, or else of the one that took longest.
    pub exit: ExitSeen,
    /// The worst result of each check, with its run.
    pub checks: Vec<Check>,
    /// The number of the run that `exit` is from, and whose timeline is shown.
    pub shown: usize,
    /// Each run, in order.
    pub runs: Vec<NumberedRun>,
}

impl RehearsalVerdict {
    /// Asserts that the verdict is `pass`: nothing was lost, and the process ended as it should.
    ///
    /// An inconclusive verdict does not pass: nothing was lost, but too little was in flight to prove it.
    ///
    /// # Panics
    ///
    /// The verdict is another one. The message is the verdict as text, with the evidence of each check that did not pass.
    #[track_caller]
    #[expect(clippy::panic, reason = "an assertion of a test")]
    pub fn assert_nothing_lost(&self) {
        if self.verdict != Verdict::Pass {
            panic!("{self}");
        }
    }
}

/// The verdict in a line, each check that did not pass with its evidence and hint, and the last output of the service.
impl fmt::Display for RehearsalVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Headline::of(self))?;
        for check in self.checks.iter().filter(|check| check.sinks()) {
            write!(f, "\n  {}: {}", check.id, check.evidence.replace('\n', "\n    "))?;
            if let Some(cause) = &check.cause {
                write!(f, "\n    likely cause: {cause}")?;
            }
            if let Some(hint) = &check.hint {
                write!(f, "\n    hint: {hint}")?;
            }
        }
        let run = self.runs.get(self.shown.saturating_sub(1));
        for (at, line) in run.iter().flat_map(|run| &run.facts.output_tail).enumerate() {
            let title = if at == 0 { "\n  last output of the service:" } else { "" };
            write!(f, "{title}\n    {line}")?;
        }
        Ok(())
    }
}

/// One run and its number, from 1.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NumberedRun {
    /// Its number, from 1.
    pub run: u32,
    /// Facts about the run that are not judged.
    #[serde(flatten)]
    pub facts: Facts,
    /// Its judgement.
    #[serde(flatten)]
    pub verdict: RunVerdict,
}

/// Facts about a run: the time of its signal, and the report and the last output of the service.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Facts {
    /// The time from the start of the load to the signal, in milliseconds. Without load: from when the service was ready, or, for a stop
    /// during start-up, from the start of the process.
    pub signal_after_load_ms: f64,
    /// The report of a service that is built on the library (`EBBTIDE_REPORT`). It is not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<serde_json::Value>,
    /// The last lines that the service printed, of a run that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_tail: Vec<String>,
    /// The deliveries of its dependencies that the service had not acknowledged at the end of their connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unacknowledged: Vec<Unacknowledged>,
    /// What was observed beside the requests.
    #[serde(flatten)]
    pub observed: Observed,
}

impl Facts {
    /// Returns the facts of `record`, with the last lines of the output.
    pub(crate) fn of(record: &Record, output_tail: Vec<String>) -> Self {
        Self {
            signal_after_load_ms: record.signalled.ms_from(record.load_began),
            report: record.report.clone(),
            output_tail,
            unacknowledged: Unacknowledged::of(record),
            observed: record.observed.clone(),
        }
    }
}

/// Combines `runs`.
pub(crate) fn conclude(runs: Vec<(RunVerdict, Facts)>) -> RehearsalVerdict {
    let (runs, facts): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    let failed = runs.iter().position(|run| run.verdict == Verdict::Fail);
    let shown = failed.or_else(|| longest(&runs)).unwrap_or_default();
    let run = runs.get(shown);
    let checks: Vec<Check> =
        run.iter().flat_map(|run| &run.checks).map(|check| together(check.id, &runs, shown)).collect();
    RehearsalVerdict {
        verdict: Verdict::of(&checks),
        lost_by_shutdown: runs.iter().map(|run| run.lost_by_shutdown).fold(0, u64::saturating_add),
        in_flight_at_signal: in_flight(&runs),
        requests: runs.iter().map(|run| run.requests).fold(Counts::default(), |sum, run| sum + run),
        exit: run.map(|run| run.exit).unwrap_or_default(),
        checks,
        shown: shown + 1,
        runs: number(runs, facts),
    }
}

fn in_flight(runs: &[RunVerdict]) -> BTreeMap<Shape, u64> {
    let mut sums = BTreeMap::new();
    for shape in runs.iter().flat_map(|run| &run.shapes) {
        let sum: &mut u64 = sums.entry(shape.shape).or_default();
        *sum = sum.saturating_add(shape.in_flight_at_signal);
    }
    sums
}

fn number(runs: Vec<RunVerdict>, facts: Vec<Facts>) -> Vec<NumberedRun> {
    let runs = runs.into_iter().zip(facts).zip(1..);
    runs.map(|((verdict, facts), run)| NumberedRun { run, facts, verdict }).collect()
}

fn longest(runs: &[RunVerdict]) -> Option<usize> {
    let ms = |run: &RunVerdict| run.exit.after_ms.unwrap_or(f64::MAX);
    (0..runs.len()).max_by(|one, other| match (runs.get(*one), runs.get(*other)) {
        (Some(one), Some(other)) => ms(one).total_cmp(&ms(other)),
        _ => std::cmp::Ordering::Equal,
    })
}

/// Combines the results of check `id`: the worst finding, from the run `shown` or else from the first that has it. A run that had
/// too little in flight is ignored if another one passed.
fn together(id: CheckId, runs: &[RunVerdict], shown: usize) -> Check {
    let found: Vec<(usize, &Check)> = runs
        .iter()
        .enumerate()
        .filter_map(|(at, run)| Some((at, run.checks.iter().find(|check| check.id == id)?)))
        .collect();
    let passed = found.iter().any(|(_, check)| check.verdict == Finding::Pass);
    let counts = |check: &Check| !(passed && check.lacks_load);
    let verdict = found.iter().filter(|(_, check)| counts(check)).map(|(_, check)| check.verdict).max();
    let verdict = verdict.unwrap_or(Finding::Skipped);
    let same: Vec<_> = found.into_iter().filter(|(_, check)| check.verdict == verdict).collect();
    let told = same.iter().find(|(at, _)| *at == shown).or_else(|| same.first());
    let evidence = told.map_or_else(String::new, |(at, check)| match (runs.len(), verdict) {
        (0 | 1, _) | (_, Finding::Skipped) => check.evidence.clone(),
        (all, _) if same.len() == all => format!("in all {all} runs; run {}: {}", at + 1, check.evidence),
        (all, _) => format!("in {} of {all} runs; run {}: {}", same.len(), at + 1, check.evidence),
    });
    Check {
        cause: told.and_then(|(_, check)| check.cause.clone()),
        hint: told.and_then(|(_, check)| check.hint.clone()),
        lacks_load: told.is_some_and(|(_, check)| check.lacks_load),
        by_kill: told.is_some_and(|(_, check)| check.by_kill),
        ..Check::new(id, verdict, evidence)
    }
}
