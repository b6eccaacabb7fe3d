//! Checks the outcome of the accepted requests.

use crate::record::{HeldConnection, Phase, Shape};
use crate::verdict::fate::{Case, Fate, Reason};
use crate::verdict::losses::{Blame, LossGroup};
use crate::verdict::{Check, CheckId, Counts, Finding, ShapeSummary};
use crate::words;

/// Was every accepted request answered whole, and as before the signal?
pub(in crate::verdict) fn requests_answered(case: &Case<'_>, shapes: &[ShapeSummary]) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::RequestsAnswered, finding, evidence);
    let sentences = |blame| -> Vec<String> {
        case.groups
            .iter()
            .filter(|group| group.blame == blame)
            .map(|group| group.sentence(case.record))
            .collect()
    };
    let lost = sentences(Blame::Shutdown);
    if !lost.is_empty() {
        let hint = if case.groups.iter().any(is_status) {
            "\nif this is intended: --allow-status accepts a status after the signal"
        } else {
            ""
        };
        return found(Finding::Fail, lost.join("\n") + hint);
    }
    let unclear = sentences(Blame::Unclear);
    if !unclear.is_empty() {
        let why = "more often than before the signal, but not significantly; more runs (--repeat) can decide";
        return found(Finding::Inconclusive, format!("{}\n{why}", unclear.join("\n")));
    }
    let unverified = case.requests.iter().filter(|judged| judged.fate == Fate::Unverified);
    if let Some(first) = unverified.clone().next() {
        let count = words::plural(unverified.count() as u64, "response", "responses");
        return found(
            Finding::Inconclusive,
            format!(
                "{count} of {} after the signal had neither Content-Length nor chunks, and no fixed length: truncation \
                 would not be detected; --url names a route with a length",
                first.request.route
            ),
        );
    }
    let idle: Vec<&ShapeSummary> =
        shapes.iter().filter(|shape| shape.shape != Shape::Phases && shape.met_the_stop == 0).collect();
    if shapes.is_empty() || !idle.is_empty() {
        return found(Finding::Inconclusive, idle_evidence(case, &idle)).for_lack_of_load();
    }
    let counts = Counts::of(&case.requests);
    found(
        Finding::Pass,
        format!(
            "{} sent: {} answered ({} after the signal), {} refused, 0 lost; in flight at the signal: {}",
            words::count(counts.sent),
            words::count(counts.answered),
            words::count(counts.answered_after_signal),
            words::count(counts.refused),
            in_flight(shapes)
        ),
    )
}

fn is_status(group: &LossGroup<'_>) -> bool {
    group.blame == Blame::Shutdown && matches!(group.reason, Reason::Status(_))
}

fn idle_evidence(case: &Case<'_>, idle: &[&ShapeSummary]) -> String {
    let traffic = &case.record.traffic;
    let names: Vec<&str> = idle.iter().map(|shape| shape.shape.name()).collect();
    let names = if names.is_empty() { "any shape".into() } else { names.join(", ") };
    let why = match (&traffic.last_trouble, traffic.bound_reached) {
        (_, Some(_)) => "the maximum number of requests was reached (--max-requests)".to_owned(),
        (Some(trouble), None) => format!("client error: {trouble}"),
        (None, None) => {
            "--repeat, more clients (--storm, --keepalive) or a slow route (--url slow=…) would have some in flight"
                .to_owned()
        }
    };
    format!("0 lost, but nothing was in flight during the shutdown for {names}; {why}")
}

/// `storm 3, keepalive 1`.
fn in_flight(shapes: &[ShapeSummary]) -> String {
    let named =
        shapes.iter().map(|shape| format!("{} {}", shape.shape, words::count(shape.in_flight_at_signal)));
    named.collect::<Vec<_>>().join(", ")
}

/// Was the connection in each phase of the protocol served?
pub(in crate::verdict) fn phases_served(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::PhasesServed, finding, evidence);
    if !terms.phases {
        return found(Finding::Skipped, "disabled (--no-phases)".into());
    }
    if let Some(why) = &record.traffic.no_phases {
        return found(Finding::Inconclusive, format!("no connection was held: {why}"));
    }
    let blamed = case.requests.iter().filter(|judged| judged.blamed);
    let lost: Vec<Phase> = blamed.filter_map(|judged| judged.request.phase).collect();
    let held: Vec<&HeldConnection> = record.traffic.held.iter().filter(|held| held.held.is_ok()).collect();
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
            "no connection could be held in any phase; use a longer --warmup".into(),
        );
    }
    let mut evidence = format!("{} connections held at the signal, none lost", held.len());
    let unused: Vec<Phase> =
        record.traffic.held.iter().filter(|held| held.closed_unused).map(|held| held.phase).collect();
    if !unused.is_empty() {
        evidence += &format!("; closed unused, safe to retry: {}", named(sorted(unused)));
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
