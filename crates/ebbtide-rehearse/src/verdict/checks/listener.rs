//! What new connections met: readiness that turns red, and then a listener that closes.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::clock::At;
use crate::record::{Outcome, ReadySample, ReadyState};
use crate::verdict::fate::{Case, Fate, Reason};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// Did readiness turn red after the signal, and before the listener closed?
pub(in crate::verdict) fn readiness_before_close(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::ReadinessBeforeClose, finding, evidence);
    if record.readiness.is_empty() {
        let finding = if terms.require_readiness { Finding::Inconclusive } else { Finding::Skipped };
        return found(finding, "readiness is a port, which cannot turn red".into())
            .hint("--ready http://HOST:PORT/PATH enables this check");
    }
    let after = |at: At| format!("+{}", words::time(at.since(record.signalled)));
    let seen = |look: &ReadySample| after(record.poll_readable_at(look));
    // Without --require-readiness a service that never turns red is not blamed: its URL may be an ordinary page.
    let missing = |evidence: String| {
        if terms.require_readiness {
            found(Finding::Fail, evidence)
        } else {
            found(Finding::Skipped, evidence).hint("--require-readiness makes this a failure")
        }
    };
    if let Some(state) = last_before(case).filter(|state| *state != ReadyState::Ready) {
        return missing(format!("readiness was {} before the signal already", state_text(state)));
    }
    match (first_red(case), first_refusal(case)) {
        (Some(red), Some(closed)) if red.ended <= closed => found(
            Finding::Pass,
            format!("{} at {}, first refusal at {}", state_text(red.state), seen(red), after(closed)),
        ),
        (Some(red), None) => {
            found(Finding::Pass, format!("{} at {}, no refusal seen", state_text(red.state), seen(red)))
        }
        (Some(red), Some(closed)) => missing(format!(
            "new connections were refused from {} on, readiness turned red only at {}",
            after(closed),
            seen(red)
        )),
        (None, Some(closed)) => missing(format!(
            "readiness was never seen red; new connections were refused from {} on",
            after(closed)
        )),
        (None, None) => missing("readiness was never seen red".into()),
    }
}

fn state_text(state: ReadyState) -> String {
    match state {
        ReadyState::Ready => "green".into(),
        ReadyState::Red(status) => format!("red ({status})"),
        ReadyState::Refused => "red (connection refused)".into(),
        ReadyState::NoAnswer => "red (no answer)".into(),
    }
}

/// Returns the result of the last poll that ended before the signal.
fn last_before(case: &Case<'_>) -> Option<ReadyState> {
    let record = case.record;
    record.readiness.iter().rev().find(|look| look.ended < record.signalled).map(|look| look.state)
}

/// Returns the first poll after the signal with readiness red. A refusal counts only if the load goes to another address: there the
/// refusal does not mean that the listener of the service has closed.
pub(in crate::verdict) fn first_red<'a>(case: &Case<'a>) -> Option<&'a ReadySample> {
    let record = case.record;
    let at = case.terms.readiness.as_ref().map(|(at, _)| *at);
    let apart = !case.requests.iter().any(|judged| Some(judged.request.to) == at);
    record.readiness.iter().find(|look| {
        look.ended >= record.signalled
            && match look.state {
                ReadyState::Red(_) => !record.had_ended(look.begun),
                ReadyState::Refused => apart,
                ReadyState::Ready | ReadyState::NoAnswer => false,
            }
    })
}

/// Were new connections refused cleanly after the listener had closed, and only then? Each address is a separate listener.
pub(in crate::verdict) fn refusals_clean(case: &Case<'_>) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::RefusalsClean, finding, evidence);
    let silent = |after| {
        let all = case.requests.iter().filter(move |judged| judged.after == after);
        all.filter(|judged| judged.fate == Fate::ConnectTimeout).count() as u64
    };
    match (silent(false), silent(true)) {
        (0, 0) => {}
        (0, after) => {
            let after = words::plural(after, "new connection", "new connections");
            return found(
                Finding::Fail,
                format!("{after} neither accepted nor refused in time after the signal"),
            );
        }
        (before, _) => {
            let before = words::plural(before, "connection", "connections");
            return found(
                Finding::Inconclusive,
                format!("{before} neither accepted nor refused in time before the signal"),
            )
            .hint("give less load (--storm, --keepalive, --open) or a longer --connect-timeout");
        }
    }
    let early = case.requests.iter().filter(|judged| !judged.after && judged.fate == Fate::Refused).count();
    if early > 0 {
        let early = words::plural(early as u64, "connection was", "connections were");
        return found(Finding::Inconclusive, format!("{early} refused before the signal already"));
    }
    let addresses = loaded(case);
    let mut faults = Vec::new();
    let mut closes = Vec::new();
    for address in &addresses {
        let at = if addresses.len() > 1 { format!("{address}: ") } else { String::new() };
        let closed = refused_at(case, *address);
        let after = closed.map(|closed| format!("+{}", words::time(closed.since(case.record.signalled))));
        let late = closed.map_or(0, |closed| accepted_after(case, *address, closed));
        let silent = closed_without_a_byte(case, *address);
        if let (Some(after), 1..) = (&after, late) {
            let late = words::plural(late, "new connection was", "new connections were");
            faults.push(format!("{at}{late} accepted after the first refusal at {after}"));
        }
        if silent > 0 {
            let silent = words::plural(silent, "new connection was", "new connections were");
            let first =
                after.as_ref().map_or_else(String::new, |after| format!("; first refusal at {after}"));
            faults.push(format!(
                "{at}{silent} accepted after the signal and closed with no response byte{first}"
            ));
        }
        if let Some(after) = after {
            closes.push(format!("{at}first refusal at {after}"));
        }
    }
    if !faults.is_empty() {
        return found(Finding::Fail, faults.join("\n"));
    }
    if closes.is_empty() {
        return found(Finding::Inconclusive, "no new connection met a closed listener".into())
            .hint("--storm opens new connections all the time");
    }
    let refused = case.requests.iter().filter(|judged| judged.after && judged.fate == Fate::Refused).count();
    found(
        Finding::Pass,
        format!("{}; {} in all, none accepted after it", closes.join(", "), words::count(refused as u64)),
    )
}

/// The addresses that the load went to.
fn loaded(case: &Case<'_>) -> BTreeSet<SocketAddr> {
    case.requests.iter().map(|judged| judged.request.to).collect()
}

/// When `address` first refused a new connection after the signal, to a client or to the probe.
fn refused_at(case: &Case<'_>, address: SocketAddr) -> Option<At> {
    let record = case.record;
    let clients = case.requests.iter().map(|judged| judged.request).filter(|request| {
        request.to == address && request.outcome == Outcome::Refused && request.ended >= record.signalled
    });
    let probed = case.terms.readiness.as_ref().is_some_and(|(at, _)| *at == address);
    let looks = record.readiness.iter().filter(|look| probed && look.state == ReadyState::Refused);
    let looks = looks.map(|look| look.ended).filter(|at| *at >= record.signalled);
    clients.map(|request| request.ended).chain(looks).min()
}

/// Connections to `address` that a client began to open after the refusal at `closed`, and that were accepted.
fn accepted_after(case: &Case<'_>, address: SocketAddr, closed: At) -> u64 {
    let new = case.requests.iter().filter(|judged| judged.request.to == address && judged.request.fresh);
    new.filter(|judged| judged.request.opened > closed && judged.accepted()).count() as u64
}

/// Connections to `address` that were opened after the signal, accepted, and closed with no response byte.
fn closed_without_a_byte(case: &Case<'_>, address: SocketAddr) -> u64 {
    let new = case.requests.iter().filter(|judged| judged.request.to == address && judged.request.fresh);
    let new = new.filter(|judged| judged.blamed && judged.request.opened >= case.record.signalled);
    new.filter(|judged| judged.reason().is_some_and(Reason::is_silent)).count() as u64
}

/// When a new connection was first refused after the signal at an address that the load goes to.
pub(in crate::verdict) fn first_refusal(case: &Case<'_>) -> Option<At> {
    loaded(case).into_iter().filter_map(|address| refused_at(case, address)).min()
}
