//! What the service left in its database and, the demo, in its stores.

use crate::record::{Record, Session};
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

/// Was any database session still in use when the process ended?
pub(in crate::verdict) fn no_leaked_connections(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::NoLeakedConnections, finding, evidence);
    let Some(seen) = &record.database else {
        return found(Finding::Skipped, "no database was given".into());
    };
    if !seen.left.is_empty() {
        return found(Finding::Fail, format!("sessions left after the exit: {}", named(&seen.left)));
    }
    let Some((exit, _)) = record.exit else {
        return found(Finding::Inconclusive, "the process never ended".into());
    };
    let last = seen.last.as_ref().filter(|(at, _)| *at <= exit).map(|(_, left)| left.as_slice());
    let busy: Vec<Session> =
        last.unwrap_or_default().iter().filter(|session| session.state != "idle").cloned().collect();
    if !busy.is_empty() {
        return found(Finding::Fail, format!("in use when the process ended: {}", named(&busy)));
    }
    if let Some(trouble) = &seen.trouble {
        return found(Finding::Inconclusive, trouble.clone());
    }
    if seen.most == 0 {
        return found(Finding::Inconclusive, "the service opened no session in this database".into());
    }
    let emptied = match seen.emptied {
        Some(at) => format!("all closed {} after the signal", words::time(at.since(record.signalled))),
        None => "none in use at the exit".into(),
    };
    found(
        Finding::Pass,
        format!(
            "{} at most before the signal, {emptied}",
            words::plural(seen.most as u64, "session", "sessions")
        ),
    )
}

fn named(sessions: &[Session]) -> String {
    let named = sessions.iter().take(5).map(|s| format!("backend {} ({}: {})", s.pid, s.state, s.query));
    named.collect::<Vec<_>>().join(", ")
}

/// Does the database count an abandoned session?
pub(in crate::verdict) fn database_clean(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::DatabaseClean, finding, evidence);
    let Some(seen) = &record.database else {
        return found(Finding::Skipped, "no database was given".into());
    };
    match seen.abandoned {
        Some(abandoned) if abandoned > 0 => {
            let abandoned = words::plural(abandoned.unsigned_abs(), "session was", "sessions were");
            found(
                Finding::Fail,
                format!("{abandoned} abandoned without a Terminate message (sessions_abandoned)"),
            )
        }
        _ if seen.trouble.is_some() => found(Finding::Inconclusive, seen.trouble.clone().unwrap_or_default()),
        None => found(
            Finding::Inconclusive,
            "this server has no sessions_abandoned (PostgreSQL 14 and later)".into(),
        ),
        Some(_) if seen.most == 0 => {
            found(Finding::Inconclusive, "the service opened no session in this database".into())
        }
        Some(_) => found(Finding::Pass, "sessions_abandoned did not grow".into()),
    }
}

/// The demo: is every acknowledged order there, processed or queued for the next process, and none left half-way?
pub(in crate::verdict) fn orders_processed(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::OrdersProcessed, finding, evidence);
    let orders = match record.store.as_ref().map(|store| &store.orders) {
        None => return found(Finding::Skipped, "only for the demo service".into()),
        Some(Err(why)) => {
            return found(Finding::Inconclusive, format!("the orders could not be read: {why}"));
        }
        Some(Ok(orders)) => orders,
    };
    let acknowledged =
        record.traffic.requests.iter().filter(|request| request.order.is_some()).count() as u64;
    let mut wrong = Vec::new();
    for (ids, what) in [
        (&orders.missing, "acknowledged with 201 but missing"),
        (&orders.stored, "stored but never queued"),
        (&orders.processing, "half-processed"),
    ] {
        if let Some(first) = ids.first() {
            wrong.push(format!("{} {what} (such as {first})", words::count(ids.len() as u64)));
        }
    }
    if !wrong.is_empty() {
        let total = words::count(orders.total as u64);
        return found(Finding::Fail, format!("of {total} orders: {}", wrong.join(", ")));
    }
    if acknowledged == 0 {
        return found(Finding::Inconclusive, "no order was acknowledged".into());
    }
    let processed = (orders.total as u64).saturating_sub(orders.queued);
    if processed == 0 {
        return found(Finding::Inconclusive, "no order was processed, not even before the signal".into());
    }
    let total = words::plural(orders.total as u64, "order", "orders");
    let [acknowledged, processed, queued] = [acknowledged, processed, orders.queued].map(words::count);
    // An order may be stored whose client did not wait for the response.
    found(
        Finding::Pass,
        format!(
            "{total} stored: {processed} processed, {queued} queued for the next process; all {acknowledged} that were \
             acknowledged are among them"
        ),
    )
}

/// The demo: does every unprocessed order have its job in the queue, with no job still leased?
pub(in crate::verdict) fn jobs_returned(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::JobsReturned, finding, evidence);
    let (orders, jobs) = match record.store.as_ref().map(|store| (&store.orders, &store.jobs)) {
        None => return found(Finding::Skipped, "only for the demo service".into()),
        Some((Err(why), _)) => {
            return found(Finding::Inconclusive, format!("the orders could not be read: {why}"));
        }
        Some((_, Err(why))) => {
            return found(Finding::Inconclusive, format!("the jobs could not be counted: {why}"));
        }
        Some((Ok(orders), Ok(jobs))) => (orders, jobs),
    };
    // A half-processed order is judged by `orders_processed`, but its job must be in the queue as well.
    let expected = orders.queued + orders.processing.len() as u64;
    let leased = jobs.leased.unwrap_or_default();
    let mut wrong = Vec::new();
    if leased > 0 {
        wrong.push(format!(
            "{} still leased by the consumer, which has exited",
            words::plural(leased, "job is", "jobs are")
        ));
    }
    if jobs.dead_lettered > 0 {
        wrong.push(format!("{} dead-lettered", words::plural(jobs.dead_lettered, "job was", "jobs were")));
    }
    if jobs.waiting != expected {
        let orders = words::plural(expected, "order is pending", "orders are pending");
        let jobs = words::plural(jobs.waiting, "job is", "jobs are");
        wrong.push(format!("{orders} for the next process, but {jobs} in the queue"));
    }
    if !wrong.is_empty() {
        return found(Finding::Fail, wrong.join("; "));
    }
    let jobs = words::plural(jobs.waiting, "job is queued", "jobs are queued");
    found(Finding::Pass, format!("{jobs} for the next process, one for each order; none is leased"))
}

/// What the demo's last line says.
const LAST: &str = "lifecycle exited";

/// The demo: did its last log line reach the file?
pub(in crate::verdict) fn last_log_line(record: &Record) -> Check {
    let found = |finding, evidence: String| Check::new(CheckId::LastLogLine, finding, evidence);
    match record.store.as_ref().map(|store| &store.last_log_line) {
        None => found(Finding::Skipped, "only for the demo service".into()),
        Some(Ok(line)) if line.contains(LAST) => found(Finding::Pass, format!("the log ends with `{LAST}`")),
        Some(Ok(line)) => {
            let line: String = line.chars().take(120).collect();
            found(Finding::Fail, format!("the log does not end with `{LAST}` but with: {line}"))
        }
        Some(Err(why)) => found(Finding::Fail, why.clone()),
    }
}
