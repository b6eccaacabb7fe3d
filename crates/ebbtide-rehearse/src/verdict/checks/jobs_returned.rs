//! The demo: has every order that is not processed its job in the queue, and has nobody kept one?

use crate::record::Record;
use crate::verdict::{Check, CheckId, Finding};
use crate::words;

pub(super) fn check(record: &Record) -> Check {
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
    // One that is half-processed is another check's affair, but its job has to be here as well.
    let expected = orders.queued + orders.processing.len() as u64;
    let leased = jobs.leased.unwrap_or_default();
    let mut wrong = Vec::new();
    if leased > 0 {
        wrong.push(format!(
            "{} still leased by the consumer that is gone",
            words::plural(leased, "job is", "jobs are")
        ));
    }
    if jobs.buried > 0 {
        wrong.push(format!("{} buried", words::plural(jobs.buried, "job was", "jobs were")));
    }
    if jobs.waiting != expected {
        let orders = words::plural(expected, "order waits", "orders wait");
        let jobs = words::plural(jobs.waiting, "job is", "jobs are");
        wrong.push(format!("{orders} for the next process, and {jobs} in the queue"));
    }
    if !wrong.is_empty() {
        return found(Finding::Fail, wrong.join("; "));
    }
    let jobs = words::plural(jobs.waiting, "job waits", "jobs wait");
    found(Finding::Pass, format!("{jobs} for the next process, one for each order, and nobody has kept one"))
}
