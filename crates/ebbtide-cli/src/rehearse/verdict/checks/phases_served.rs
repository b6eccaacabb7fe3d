//! Was a connection served in whatever phase of the protocol it was at the signal?

use crate::rehearse::record::{Held, Phase, Record, Request, Shape};
use crate::rehearse::verdict::reason::is_loss;
use crate::rehearse::verdict::{Check, CheckId, Finding, Terms};

pub(super) fn check(record: &Record, terms: &Terms) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::PhasesServed, finding, evidence);
    if !terms.phases {
        return found(Finding::Skipped, "switched off".into());
    }
    let of_phases = |request: &&Request| request.shape == Shape::Phases;
    let lost: Vec<Phase> = record
        .traffic
        .requests
        .iter()
        .filter(of_phases)
        .filter(|request| is_loss(request))
        .filter_map(|request| request.phase)
        .collect();
    let held: Vec<&Held> = record.traffic.held.iter().filter(|held| held.held.is_ok()).collect();
    let named = |phases: Vec<Phase>| phases.into_iter().map(Phase::name).collect::<Vec<_>>().join(", ");
    if !lost.is_empty() {
        return found(
            Finding::Fail,
            format!("lost, of {} held at the signal: {}", held.len(), named(sorted(lost))),
        );
    }
    if held.is_empty() {
        return found(Finding::Inconclusive, "no connection could be held in any phase".into());
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
