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
    /// The number of the run that `exit` is from, and whose timeline says most.
    pub(crate) shown: usize,
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
    /// The last lines that the service printed, of a run that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) output_tail: Vec<String>,
}

/// Puts `runs` together.
pub(crate) fn conclude(runs: Vec<(RunVerdict, Facts)>) -> Rehearsal {
    let (runs, facts): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    let failed = runs.iter().position(|run| run.verdict == Verdict::Fail);
    let shown = failed.or_else(|| longest(&runs)).unwrap_or_default();
    let run = runs.get(shown);
    Rehearsal {
        verdict: if failed.is_some() { Verdict::Fail } else { Verdict::Pass },
        requests: runs.iter().map(|run| run.requests).fold(Counts::default(), |sum, run| sum + run),
        exit: run.map(|run| run.exit).unwrap_or_default(),
        checks: run.iter().flat_map(|run| &run.checks).map(|check| worst(check.id, &runs, shown)).collect(),
        shown: shown + 1,
        runs: number(runs, facts),
    }
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

/// The worst finding of check `id` in any run, as the run `shown` has it or else the first that does.
fn worst(id: CheckId, runs: &[RunVerdict], shown: usize) -> Check {
    let found: Vec<(usize, &Check)> = runs
        .iter()
        .enumerate()
        .filter_map(|(at, run)| Some((at, run.checks.iter().find(|check| check.id == id)?)))
        .collect();
    let verdict = found.iter().map(|(_, check)| check.verdict).max().unwrap_or(Finding::Skipped);
    let same: Vec<_> = found.into_iter().filter(|(_, check)| check.verdict == verdict).collect();
    let told = same.iter().find(|(at, _)| *at == shown).or_else(|| same.first());
    let evidence = told.map_or_else(String::new, |(at, check)| match (runs.len(), verdict) {
        (0 | 1, _) | (_, Finding::Skipped) => check.evidence.clone(),
        (all, _) if same.len() == all => format!("in all {all} runs; run {}: {}", at + 1, check.evidence),
        (all, _) => format!("in {} of {all} runs; run {}: {}", same.len(), at + 1, check.evidence),
    });
    Check { id, verdict, evidence }
}
