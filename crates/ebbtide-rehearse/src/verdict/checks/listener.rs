//! What new connections met: readiness that turns red, and then a listener that closes.

use crate::clock::At;
use crate::record::{Endpoint, Outcome, ReadySample, ReadyState};
use crate::verdict::case::Case;
use crate::verdict::fate::{Fate, Reason};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// Did readiness turn red after the signal, and before the listener closed?
pub(in crate::verdict) fn readiness_before_close(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::ReadinessBeforeClose, finding, evidence);
    if record.readiness.is_empty() {
        let finding = if terms.require_readiness { Finding::Inconclusive } else { Finding::Skipped };
        let check = found(finding, "readiness is a port, which cannot turn red".into());
        // A service of lines has no URL.
        let speaks_http = case.requests.iter().any(|judged| !judged.request.is_line());
        return match speaks_http || case.requests.is_empty() {
            true => check.hint("--ready http://HOST:PORT/PATH enables this check"),
            false => check,
        };
    }
    let after = |at: At| record.offset(at);
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
    if let (Some(red), Some(green)) = (first_red(case), green_again(case)) {
        let close = first_refusal(case).map_or_else(
            || "no refusal seen".to_owned(),
            |closed| format!("first refusal at {}", after(closed)),
        );
        let red = format!("{} at {}", state_text(red.state), seen(red));
        return missing(format!("{red}, green again at {}, {close}", seen(green)));
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

pub(super) fn state_text(state: ReadyState) -> String {
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
    record.readiness.iter().rev().find(|look| look.ended < record.stop_began()).map(|look| look.state)
}

/// Returns the first poll after the signal with readiness red. A refusal counts only if the load goes to another address: there the
/// refusal does not mean that the listener of the service has closed.
pub(in crate::verdict) fn first_red<'a>(case: &Case<'a>) -> Option<&'a ReadySample> {
    let record = case.record;
    let at = case.terms.readiness.as_ref().map(|(at, _)| at);
    let apart = !case.routes.keys().any(|(address, _)| Some(address) == at);
    record.readiness.iter().find(|look| {
        look.ended >= record.stop_began()
            && match look.state {
                ReadyState::Red(_) => !record.had_ended(look.begun),
                ReadyState::Refused => apart,
                ReadyState::Ready | ReadyState::NoAnswer => false,
            }
    })
}

/// Returns the poll with which readiness turned green again, after it had turned red, and was so until the listener closed or the
/// process ended: a load balancer routes to it then.
pub(in crate::verdict) fn green_again<'a>(case: &Case<'a>) -> Option<&'a ReadySample> {
    let (record, red) = (case.record, first_red(case)?);
    let end = record.killed.or(record.exit.map(|(at, _)| at));
    let until = first_refusal(case).or(end)?;
    let is_green = |look: &&ReadySample| look.state == ReadyState::Ready;
    let since = record
        .readiness
        .iter()
        .filter(|look| look.begun >= red.ended && look.ended <= until && look.state != ReadyState::NoAnswer);
    let last = since.clone().rev().take_while(is_green).last()?;
    Some(last)
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
    let addresses = case.routes.addresses();
    let mut faults = Vec::new();
    let mut closes = Vec::new();
    for address in &addresses {
        let at = if addresses.len() > 1 { format!("{address}: ") } else { String::new() };
        let closed = refused_at(case, address);
        let after = closed.map(|closed| case.record.offset(closed));
        let late = closed.map_or(0, |closed| accepted_after(case, address, closed));
        let silent = closed_without_a_byte(case, address);
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
    if closes.is_empty() && !case.terms.min_lame_duck.is_zero() {
        let time = words::limit(case.terms.min_lame_duck);
        let began = case.record.stop_word();
        return found(
            Finding::Pass,
            format!(
                "no new connection was refused or closed without a response; none is routed {time} after {began}"
            ),
        );
    }
    if closes.is_empty() {
        return found(Finding::Inconclusive, "no new connection met a closed listener".into())
            .hint("--storm opens new connections all the time");
    }
    let refused = case
        .requests
        .iter()
        .filter(|judged| judged.after && matches!(judged.fate, Fate::Refused | Fate::RefusedEarly));
    let refused = match refused.count() {
        // Those of the probe are no requests.
        0 => "by the readiness check alone".to_owned(),
        count => format!("{} in all", words::count(count as u64)),
    };
    found(Finding::Pass, format!("{}; {refused}, none accepted after it", closes.join(", ")))
}

/// When `address` first refused a new connection after the signal, to a client or to the probe.
fn refused_at(case: &Case<'_>, address: &Endpoint) -> Option<At> {
    let record = case.record;
    let clients = case.requests.iter().map(|judged| judged.request).filter(|request| {
        request.outcome == Outcome::Refused && request.ended >= record.stop_began() && request.to == *address
    });
    let probed = case.terms.readiness.as_ref().is_some_and(|(at, _)| at == address);
    let looks = record.readiness.iter().filter(|look| probed && look.state == ReadyState::Refused);
    let looks = looks.map(|look| look.ended).filter(|at| *at >= record.stop_began());
    clients.map(|request| request.ended).chain(looks).min()
}

/// Connections to `address` that a client began to open after the refusal at `closed`, and that were accepted.
fn accepted_after(case: &Case<'_>, address: &Endpoint, closed: At) -> u64 {
    let new = case.requests.iter().filter(|judged| judged.request.fresh && judged.request.to == *address);
    new.filter(|judged| judged.request.opened > closed && judged.accepted()).count() as u64
}

/// Connections to `address` that were opened after the signal, accepted, and closed with no response byte.
fn closed_without_a_byte(case: &Case<'_>, address: &Endpoint) -> u64 {
    let new = case.requests.iter().filter(|judged| judged.request.fresh && judged.request.to == *address);
    let new = new.filter(|judged| {
        judged.blamed && !judged.second && judged.request.opened >= case.record.stop_began()
    });
    new.filter(|judged| judged.reason().is_some_and(Reason::is_silent)).count() as u64
}

/// When a new connection was first refused after the signal at an address that the load goes to.
pub(in crate::verdict) fn first_refusal(case: &Case<'_>) -> Option<At> {
    case.routes.addresses().into_iter().filter_map(|address| refused_at(case, address)).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Terms;
    use crate::verdict::samples::{found, good, terms};

    #[test]
    fn a_refusal_that_only_the_probe_met_is_not_counted_as_a_request() {
        let mut record = good();
        record.traffic.requests.retain(|request| request.outcome != Outcome::Refused);
        let at = At(1_500_000);
        record.readiness = vec![ReadySample { begun: at, ended: at, state: ReadyState::Refused }];
        let readiness = Some((record.traffic.requests[0].to.clone(), "/readyz".to_owned()));
        let check = found(CheckId::RefusalsClean, &record, &Terms { readiness, ..terms() });
        assert_eq!(
            check.evidence,
            "first refusal at +500 ms; by the readiness check alone, none accepted after it"
        );
        assert!(
            found(CheckId::RefusalsClean, &good(), &terms()).evidence.contains("; 1 in all, none accepted")
        );
    }
}
