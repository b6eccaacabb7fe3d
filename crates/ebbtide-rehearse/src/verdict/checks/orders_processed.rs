//! The demo: is every acknowledged order there, processed or queued for the next process, and none left half-way?

use crate::record::Record;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(record: &Record) -> Check {
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
        (&orders.missing, "acknowledged with 201 and not there"),
        (&orders.stored, "stored and never queued"),
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
    let [acknowledged, processed, queued] = [acknowledged, processed, orders.queued].map(words::count);
    found(
        Finding::Pass,
        format!("{acknowledged} acknowledged, {processed} processed, {queued} queued for the next process"),
    )
}
