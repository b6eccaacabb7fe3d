//! Was the process gone within the grace period, and what did it wait for?

use std::time::Duration;

use crate::record::Record;
use crate::verdict::fate::{Case, Fate};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// A stop that takes longer than this is explained.
const LONG: Duration = Duration::from_secs(3);
/// A process that goes so soon after its last answer waited for nothing else.
const AT_ONCE: Duration = Duration::from_millis(500);

pub(super) fn check(case: &Case<'_>) -> Check {
    let (record, terms) = (case.record, case.terms);
    let found = |finding, evidence: String| Check::new(CheckId::ExitInTime, finding, evidence);
    let grace = words::limit(terms.grace);
    let took = record.exit.map(|(at, _)| at.since(record.signalled));
    let in_time = took.filter(|took| record.killed.is_none() && *took <= terms.grace);
    match in_time {
        None => {
            found(Finding::Fail, format!("still there after the grace period of {grace}{}", waited_for(case)))
        }
        Some(took) => {
            let why = if took >= LONG { waited_for(case) } else { String::new() };
            found(Finding::Pass, format!("gone {} after the signal, of {grace}{why}", words::time(took)))
        }
    }
}

/// What was seen while the process did not end.
fn waited_for(case: &Case<'_>) -> String {
    let record: &Record = case.record;
    let end = record.killed.or(record.exit.map(|(at, _)| at)).unwrap_or(record.signalled);
    let after = || case.requests.iter().filter(|judged| judged.after && judged.request.ended <= end);
    let answered = || after().filter(|judged| matches!(judged.fate, Fate::Answered | Fate::Unverified));
    let kept =
        answered().filter(|judged| judged.request.answer.is_some_and(|answer| answer.keeps)).count() as u64;
    let of = answered().count() as u64;
    let open = case
        .requests
        .iter()
        .filter(|judged| judged.accepted() && judged.request.begun < end && judged.request.ended >= end);
    let open = open.count() as u64;
    let mut seen = Vec::new();
    if kept > 0 {
        seen.push(format!(
            "{} of {} responses after the signal had no `Connection: close`: their connections stayed in use",
            words::count(kept),
            words::count(of)
        ));
    }
    if open > 0 {
        seen.push(format!("{} in flight at the end", words::plural(open, "request was", "requests were")));
    }
    let last = after().map(|judged| judged.request.ended).max().unwrap_or(record.signalled);
    let quiet = end.since(last);
    if open == 0 && quiet > AT_ONCE {
        seen.push(format!("no request of the load was in flight for the last {}", words::time(quiet)));
    }
    if seen.is_empty() { String::new() } else { format!(": {}", seen.join("; ")) }
}
