//! All runs together.

use serde::Serialize;

use super::{Check, CheckId, Counts, ExitSeen, Finding, RunVerdict, Verdict};

/// What all runs come to.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rehearsal {
    /// Pass, when every run passed.
    pub(crate) verdict: Verdict,
    /// The sums.
    pub(crate) requests: Counts,
    /// The end of the first run that failed, or else of the one that took longest.
    pub(crate) exit: ExitSeen,
    /// Each check at its worst, with the run that showed it.
    pub(crate) checks: Vec<Check>,
    /// Each run, in order.
    pub(crate) runs: Vec<NumberedRun>,
}

/// One run and its number, from 1.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct NumberedRun {
    /// Its number, from 1.
    pub(crate) run: u32,
    /// What it was made of.
    #[serde(flatten)]
    pub(crate) facts: Facts,
    /// Its judgement.
    #[serde(flatten)]
    pub(crate) verdict: RunVerdict,
}

/// What a run was made of, and what the service had to say.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub(crate) struct Facts {
    /// How long after the load began the signal came, in milliseconds.
    pub(crate) signal_after_load_ms: f64,
    /// Kept connections that the service closed while idle: no loss.
    pub(crate) idle_closed: u64,
    /// Attempts that failed on our side.
    pub(crate) client_trouble: u64,
    /// The last lines that the service printed, of a run that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) output_tail: Vec<String>,
}

/// Puts `runs` together.
pub(crate) fn conclude(runs: Vec<(RunVerdict, Facts)>) -> Rehearsal {
    let (runs, facts): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    let failed = runs.iter().find(|run| run.verdict == Verdict::Fail);
    let longest = || {
        runs.iter().max_by(|one, other| {
            let ms = |run: &RunVerdict| run.exit.after_ms.unwrap_or(f64::MAX);
            ms(one).total_cmp(&ms(other))
        })
    };
    let shown = failed.or_else(longest);
    Rehearsal {
        verdict: if failed.is_some() { Verdict::Fail } else { Verdict::Pass },
        requests: runs.iter().map(|run| run.requests).fold(Counts::default(), |sum, run| sum + run),
        exit: shown.map(|run| run.exit).unwrap_or_default(),
        checks: shown.map(|run| &run.checks).into_iter().flatten().map(|c| worst(c.id, &runs)).collect(),
        runs: number(runs, facts),
    }
}

fn number(runs: Vec<RunVerdict>, facts: Vec<Facts>) -> Vec<NumberedRun> {
    let runs = runs.into_iter().zip(facts).zip(1..);
    runs.map(|((verdict, facts), run)| NumberedRun { run, facts, verdict }).collect()
}

/// The worst finding of check `id` in any run.
fn worst(id: CheckId, runs: &[RunVerdict]) -> Check {
    let found: Vec<(usize, &Check)> = runs
        .iter()
        .enumerate()
        .filter_map(|(at, run)| Some((at + 1, run.checks.iter().find(|check| check.id == id)?)))
        .collect();
    let verdict = found.iter().map(|(_, check)| check.verdict).max().unwrap_or(Finding::Skipped);
    let same: Vec<_> = found.iter().filter(|(_, check)| check.verdict == verdict).collect();
    let evidence = same.first().map_or_else(String::new, |(run, check)| match (runs.len(), verdict) {
        (0 | 1, _) | (_, Finding::Skipped) => check.evidence.clone(),
        (all, _) => format!("in {} of {all} runs; run {run}: {}", same.len(), check.evidence),
    });
    Check { id, verdict, evidence }
}
