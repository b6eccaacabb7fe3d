//! Were new connections refused cleanly once the listener had closed, and only then?

use crate::clock::At;
use crate::rehearse::record::{Outcome, ReadyState, Record, Request};
use crate::rehearse::verdict::reason::is_loss;
use crate::rehearse::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::RefusalsClean, finding, evidence);
    let requests = &record.traffic.requests;
    let early = requests.iter().filter(|request| request.outcome == Outcome::Refused);
    let early = early.filter(|request| request.ended < record.signalled).count() as u64;
    if early > 0 {
        let early = words::plural(early, "connection was", "connections were");
        return found(Finding::Fail, format!("{early} refused before the signal"));
    }
    let silent = requests.iter().filter(|request| request.outcome == Outcome::ConnectTimeout).count() as u64;
    if silent > 0 {
        let silent = words::plural(silent, "connection", "connections");
        return found(Finding::Fail, format!("{silent} neither accepted nor refused within the limit"));
    }
    let Some(closed) = first_refusal(record) else {
        return found(
            Finding::Inconclusive,
            "no new connection was tried after the listener had closed".into(),
        );
    };
    let after = format!("+{}", words::time(closed.since(record.signalled)));
    let late: Vec<&Request> = requests
        .iter()
        .filter(|request| request.fresh && request.begun > closed && request.connected.is_some())
        .collect();
    let between = requests
        .iter()
        .filter(|request| request.fresh && request.connected.is_some() && request.ended >= record.signalled)
        .filter(|request| !matches!(request.outcome, Outcome::Answered { .. }) && is_loss(request))
        .count() as u64;
    if !late.is_empty() {
        let late = words::plural(late.len() as u64, "new connection was", "new connections were");
        return found(Finding::Fail, format!("{late} accepted after the first refusal at {after}"));
    }
    if between > 0 {
        let between = words::plural(between, "new connection was", "new connections were");
        return found(
            Finding::Fail,
            format!("{between} accepted and then lost around the close; the first refusal came at {after}"),
        );
    }
    let refused = requests.iter().filter(|request| request.outcome == Outcome::Refused).count() as u64;
    found(
        Finding::Pass,
        format!("first refusal at {after}, {} in all, none accepted after it", words::count(refused)),
    )
}

/// When a new connection was first refused after the signal, to a client or to the probe.
pub(in crate::rehearse::verdict) fn first_refusal(record: &Record) -> Option<At> {
    let clients = record.traffic.requests.iter().filter(|request| request.outcome == Outcome::Refused);
    let looks = record.readiness.iter().filter(|look| look.state == ReadyState::Refused);
    clients
        .map(|request| request.ended)
        .chain(looks.map(|look| look.ended))
        .filter(|at| *at >= record.signalled)
        .min()
}
