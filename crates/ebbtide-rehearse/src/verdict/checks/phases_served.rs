//! Was a connection served in whatever phase of the protocol it was at the signal?

use crate::record::{Held, Phase};
use crate::verdict::fate::Case;
use crate::verdict::{Check, CheckId, Finding};

pub(super) fn check(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::PhasesServed, finding, evidence);
    if !terms.phases {
        return found(Finding::Skipped, "switched off".into());
    }
    if let Some(why) = &record.traffic.no_phases {
        return found(Finding::Inconclusive, format!("no connection was held: {why}"));
    }
    let blamed = case.requests.iter().filter(|judged| judged.blamed);
    let lost: Vec<Phase> = blamed.filter_map(|judged| judged.request.phase).collect();
    let held: Vec<&Held> = record.traffic.held.iter().filter(|held| held.held.is_ok()).collect();
    let named = |phases: Vec<Phase>| phases.into_iter().map(Phase::name).collect::<Vec<_>>().join(", ");
    if !lost.is_empty() {
        return found(
            Finding::Fail,
            format!("not served, of {} held at the signal: {}", held.len(), named(sorted(lost))),
        );
    }
    if held.is_empty() {
        return found(
            Finding::Inconclusive,
            "no connection could be held in any phase; a longer --warmup gives it time".into(),
        );
    }
    let mut evidence = format!("{} connections held at the signal, none lost", held.len());
    let unused: Vec<Phase> =
        record.traffic.held.iter().filter(|held| held.closed_unused).map(|held| held.phase).collect();
    if !unused.is_empty() {
        evidence += &format!("; closed unused, safe to ask again: {}", named(sorted(unused)));
    }
    let untried = record.traffic.held.iter().filter(|held| !held.closed_unused);
    let untried: Vec<String> = untried
        .filter_map(|held| held.held.as_ref().err().map(|why| format!("{} ({why})", held.phase.name())))
        .collect();
    if !untried.is_empty() {
        evidence += &format!("; not held: {}", untried.join(", "));
    }
    found(Finding::Pass, evidence)
}

fn sorted(mut phases: Vec<Phase>) -> Vec<Phase> {
    phases.sort_unstable();
    phases.dedup();
    phases
}
