//! Checks the outcome of the accepted requests.

use std::collections::BTreeSet;

use crate::record::{NO_MESSAGE_WITH_MS, NO_POST_ROUTE, NO_ROUTE_WITH_MS, Phase, Shape};
use crate::verdict::blame::Blame;
use crate::verdict::case::Case;
use crate::verdict::checks::container::served_by_children;
use crate::verdict::executed::Executed;
use crate::verdict::fate::{Doubt, Fate, Reason};
use crate::verdict::losses::all_ended_with_the_process;
use crate::verdict::{Check, CheckId, Finding, ShapeSummary};
use crate::words;

/// Was every accepted request answered whole, and as before the signal?
pub(in crate::verdict) fn requests_answered(case: &Case<'_>, shapes: &[ShapeSummary]) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::RequestsAnswered, finding, evidence);
    let sentences = |blame| -> Vec<String> {
        case.groups
            .iter()
            .filter(|group| group.blame == blame && !group.second)
            .map(|group| group.sentence(case.record))
            .collect()
    };
    let mut lost = sentences(Blame::Shutdown);
    if !lost.is_empty() {
        lost.extend(Executed::of(case).map(Executed::sentence));
        let mut blamed = case.groups.iter().filter(|group| group.blame == Blame::Shutdown && !group.second);
        let by_kill = case.record.killed.is_some()
            && blamed.all(|group| all_ended_with_the_process(&group.after, case.record));
        let check = Check { by_kill, ..found(Finding::Fail, lost.join("\n")) };
        let has_other_body = case
            .groups
            .iter()
            .any(|group| group.blame == Blame::Shutdown && group.reason == Reason::OtherBody);
        return match statuses(case).as_slice() {
            [] if has_other_body => {
                check.hint("if the body changes anyway: a longer --warmup shows it before the signal as well")
            }
            [] => check,
            statuses => check.hint(format!("if this is intended: --allow-status {}", statuses.join(","))),
        };
    }
    let unclear = sentences(Blame::Unclear);
    if !unclear.is_empty() {
        let mut groups = case.groups.iter().filter(|group| group.blame == Blame::Unclear && !group.second);
        let (why, hint) = match groups.all(|group| group.reason == Reason::LateClient) {
            true => (
                "whether the service would have served a client that writes at once cannot be seen",
                "a less busy machine gives the clients the processor time that they need",
            ),
            false => (
                "requests failed before the signal as well, and not significantly less often",
                "--repeat adds runs, which can decide",
            ),
        };
        return found(Finding::Inconclusive, format!("{}\n{why}", unclear.join("\n"))).hint(hint);
    }
    if let Some(evidence) = served_by_children(case) {
        return found(Finding::Inconclusive, evidence).hint(
            "--pid1 ends the child processes with the first one, as the kernel does in a container; a wrapper has to wait for its child",
        );
    }
    if let Some((evidence, hint)) =
        [Doubt::Body, Doubt::Unframed, Doubt::Unseen].into_iter().find_map(|doubt| unverified(case, doubt))
    {
        return found(Finding::Inconclusive, evidence).hint(hint);
    }
    let traffic = &case.record.traffic;
    if traffic.unasked_after > 0 && traffic.unasked_after == traffic.unasked {
        let count = words::plural(traffic.unasked, "kept connection", "kept connections");
        let began = case.record.stop_word();
        return found(
            Finding::Inconclusive,
            format!(
                "{count} had bytes that no request had asked for after {began}, and none before it: whether a client took them for the \
                 response to its next request is not known"
            ),
        )
        .hint("a service must send nothing behind a response on a connection that it keeps");
    }
    let idle: Vec<&ShapeSummary> =
        shapes.iter().filter(|shape| shape.shape != Shape::Phases && shape.met_the_stop == 0).collect();
    if shapes.is_empty() || !idle.is_empty() {
        return idle_check(case, &idle).for_lack_of_load();
    }
    let counts = case.counts();
    found(
        Finding::Pass,
        format!(
            "{} sent: {} answered ({} after {}), {} refused, 0 lost{}; in flight at the signal: {}",
            words::count(counts.sent),
            words::count(counts.answered),
            words::count(counts.answered_after_signal),
            case.record.stop_word(),
            words::count(counts.refusals()),
            if case.record.second_signal.is_some() { " until the second signal" } else { "" },
            in_flight(shapes)
        ),
    )
}

/// The responses of which this is not known, and what makes it known.
fn unverified(case: &Case<'_>, doubt: Doubt) -> Option<(String, &'static str)> {
    let all = case.requests.iter().filter(|judged| judged.fate == Fate::Unverified(doubt));
    let first = all.clone().next()?;
    let responses = format!(
        "{} of {} after {}",
        words::plural(all.count() as u64, "response", "responses"),
        first.request.route,
        case.record.stop_word()
    );
    Some(match doubt {
        Doubt::Unframed => (
            format!(
                "{responses} had neither Content-Length nor chunks, and no fixed length: truncation would not be detected"
            ),
            "--url SHAPE=METHOD:PATH names a route with a length",
        ),
        Doubt::Unseen => (
            format!("{responses}, and none before it: whether these are the usual ones is not known"),
            "a --warmup that is longer than such a response takes shows the usual one",
        ),
        Doubt::Body => (
            format!(
                "{responses} had another body of the same length than each one before it: whether the body changes anyway, as with a \
                 time of day in it, is not known"
            ),
            "a longer --warmup shows whether the body changes before the signal as well; --url SHAPE=METHOD:PATH names another route",
        ),
    })
}

/// The statuses that occurred only after the signal.
fn statuses(case: &Case<'_>) -> Vec<String> {
    let blamed = case.groups.iter().filter(|group| group.blame == Blame::Shutdown && !group.second);
    let statuses: BTreeSet<u16> = blamed
        .filter_map(|group| match group.reason {
            Reason::Status(status) => Some(status),
            _ => None,
        })
        .collect();
    statuses.iter().map(u16::to_string).collect()
}

/// Nothing was in flight for these shapes.
fn idle_check(case: &Case<'_>, idle: &[&ShapeSummary]) -> Check {
    let traffic = &case.record.traffic;
    let names: Vec<&str> = idle.iter().map(|shape| shape.shape.name()).collect();
    let names = if names.is_empty() { "any shape".into() } else { names.join(", ") };
    let nothing = format!("0 lost, but nothing was in flight during the shutdown for {names}");
    let found = |evidence| Check::new(CheckId::RequestsAnswered, Finding::Inconclusive, evidence);
    match (&traffic.last_trouble, traffic.bound_reached) {
        (_, Some(_)) => found(format!("{nothing}; the maximum number of requests was reached"))
            .hint("raise --max-requests, or give fewer clients"),
        (Some(trouble), None) => found(format!("{nothing}; client error: {trouble}")),
        (None, None) => found(nothing).hint(
            "--repeat, more clients (--storm, --keepalive) or a slow route (--url slow=…) would have some in flight",
        ),
    }
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
        return found(Finding::Skipped, "disabled".into());
    }
    if let Some(why) = &record.traffic.no_phases {
        return found(Finding::Inconclusive, format!("no connection was held: {why}"));
    }
    let held: Vec<Phase> =
        record.traffic.held.iter().filter(|held| held.held.is_ok()).map(|held| held.phase).collect();
    // One that was not in its phase at the signal is no evidence about the phase; `requests-answered` counts its request.
    let blamed = case.requests.iter().filter(|judged| judged.blamed && !judged.second);
    let lost: Vec<Phase> =
        blamed.filter_map(|judged| judged.request.phase).filter(|phase| held.contains(phase)).collect();
    let named = |phases: Vec<Phase>| phases.into_iter().map(Phase::name).collect::<Vec<_>>().join(", ");
    if !lost.is_empty() {
        let lost = sorted(lost);
        return found(
            Finding::Fail,
            format!("{} of {} held at the signal not served: {}", lost.len(), held.len(), named(lost)),
        );
    }
    if held.is_empty() {
        return found(Finding::Inconclusive, "no connection could be held in any phase".into())
            .hint("give a longer --warmup");
    }
    let mut evidence = format!(
        "{} held at the signal, none lost",
        words::plural(held.len() as u64, "connection", "connections")
    );
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
    let check = found(Finding::Pass, evidence);
    match routes_for_phases(case).as_slice() {
        [] => check,
        routes => check.hint(format!("{} would hold more phases", routes.join(" and "))),
    }
}

/// The routes that the phases lack which were not held.
fn routes_for_phases(case: &Case<'_>) -> Vec<&'static str> {
    let untried = || case.record.traffic.held.iter().filter(|held| !held.closed_unused);
    let lacks = |why: &str| untried().any(|held| held.held.as_ref().is_err_and(|known| known == why));
    let routes = [
        (NO_POST_ROUTE, "--url open=POST:/PATH"),
        (NO_ROUTE_WITH_MS, "--url slow='/PATH?ms={ms}'"),
        (NO_MESSAGE_WITH_MS, "--grpc-message '{\"FIELD\": \"{ms}\"}'"),
    ];
    routes.into_iter().filter(|(why, _)| lacks(why)).map(|(_, route)| route).collect()
}

fn sorted(mut phases: Vec<Phase>) -> Vec<Phase> {
    phases.sort_unstable();
    phases.dedup();
    phases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::record::{Close, HeldConnection, Outcome, Request};
    use crate::verdict::samples::{SIGNALLED, found, good, request, terms};
    use crate::verdict::{Terms, judge};

    #[test]
    fn a_pipelined_request_is_not_said_to_have_been_processed() {
        let evidence = |phase, fresh| {
            let mut record = good();
            let eof = Outcome::Unanswered { close: Close::Eof };
            let (shape, ended) = (Shape::Phases, At(SIGNALLED + 900_000));
            record.traffic.requests = vec![Request {
                shape,
                phase: Some(phase),
                fresh,
                ended,
                ..request(SIGNALLED - 100_000, eof)
            }];
            found(CheckId::RequestsAnswered, &record, &Terms { phases: true, ..terms() }).evidence
        };
        let second = evidence(Phase::Pipelined, false);
        assert!(second.contains("no response byte for the request that was pipelined"), "{second}");
        for (phase, fresh) in [(Phase::Pipelined, true), (Phase::Awaiting, true)] {
            assert!(evidence(phase, fresh).contains("while the request was being processed"));
        }
    }

    #[test]
    fn a_second_response_that_comes_only_after_the_signal_is_no_pass() {
        let found_with = |unasked, unasked_after| {
            let mut record = good();
            (record.traffic.unasked, record.traffic.unasked_after) = (unasked, unasked_after);
            found(CheckId::RequestsAnswered, &record, &terms())
        };
        let late = found_with(2, 2);
        assert!(late.evidence.starts_with("2 kept connections had bytes"), "{}", late.evidence);
        assert_eq!(late.verdict, Finding::Inconclusive);
        assert_eq!([found_with(2, 1), found_with(2, 0)].map(|check| check.verdict), [Finding::Pass; 2]);
    }

    #[test]
    fn what_a_late_client_loses_is_no_proof() {
        let lost = |silent_ms, close, took| {
            let mut record = good();
            let (shape, begun) = (Shape::Keepalive, SIGNALLED + 100_000);
            let late = Request { shape, silent_ms, ..request(begun, Outcome::Unanswered { close }) };
            record.traffic.requests.push(Request { ended: At(begun + took), ..late });
            found(CheckId::RequestsAnswered, &record, &terms())
        };
        let late = lost(Some(130), Close::Reset, 1000);
        assert_eq!(late.verdict, Finding::Inconclusive, "{}", late.evidence);
        assert!(late.evidence.contains("which got no processor time"), "{}", late.evidence);
        assert!(late.hint.as_ref().is_some_and(|hint| hint.contains("less busy")), "{:?}", late.hint);
        assert_eq!(lost(None, Close::Reset, 1000).verdict, Finding::Fail);
        // It was read and processed: its client was not too late.
        assert_eq!(lost(Some(130), Close::Eof, 400_000).verdict, Finding::Fail);
    }

    #[test]
    fn a_loss_by_sigkill_is_told_from_one_before_it() {
        let by_kill = |ended| {
            let (killed, shape) = (At(SIGNALLED + 900_000), Shape::Slow);
            let reset = Outcome::Unanswered { close: Close::Reset };
            let mut record = good();
            record.killed = Some(killed);
            record.exit = Some((At(killed.0 + 1000), crate::record::Ended::Signal(9)));
            record.traffic.requests.push(Request { shape, ended, ..request(SIGNALLED - 1, reset) });
            let check = found(CheckId::RequestsAnswered, &record, &terms());
            assert_eq!(check.verdict, Finding::Fail);
            check.fails_by_kill()
        };
        assert_eq!((by_kill(At(SIGNALLED + 900_500)), by_kill(At(SIGNALLED + 400_000))), (true, false));
    }

    #[test]
    fn the_phases_not_served_are_among_those_that_were_held() {
        let held = |phase, held: Result<(), &str>| HeldConnection {
            phase,
            held: held.map_err(str::to_owned),
            closed_unused: false,
        };
        let mut record = good();
        record.traffic.held = vec![
            held(Phase::HalfHead, Ok(())),
            held(Phase::HalfRead, Ok(())),
            held(Phase::Awaiting, Err("closed before the signal")),
        ];
        let lost = [Phase::HalfHead, Phase::Awaiting].map(|phase| Request {
            shape: Shape::Phases,
            phase: Some(phase),
            ..request(1_400_000, Outcome::Unanswered { close: Close::Reset })
        });
        record.traffic.requests.extend(lost);
        let terms = Terms { phases: true, ..terms() };
        let check = found(CheckId::PhasesServed, &record, &terms);
        assert_eq!(check.verdict, Finding::Fail);
        assert_eq!(check.evidence, "1 of 2 held at the signal not served: half a head sent");
        // It is still a request that was lost.
        assert_eq!(judge(&record, &terms).lost_by_shutdown, 2);
    }
}
