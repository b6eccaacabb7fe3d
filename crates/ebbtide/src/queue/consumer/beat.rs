use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::outage::Outage;
use super::settle::NoAnswer;
use super::shared::{AGAIN, Shared};
use crate::model::part;
use crate::queue::Queue;
use crate::runtime::clock;

/// Returns the time from one renewal to the next.
pub(super) fn period(lease: Duration) -> Duration {
    part(lease, 1, 3).max(Duration::from_millis(1))
}

/// Extends the lease of everything that is held, three times in a lease, for ever (invariant Q6). Ended by being dropped.
pub(super) async fn beat<Q: Queue, F>(shared: Arc<Shared<Q, F>>) {
    let Some(lease) = shared.queue.lease() else { return };
    let period = period(lease);
    let outage = Outage::new(Arc::clone(&shared.name), "extend the leases of jobs");
    let (mut next, mut failures) = (clock::after(clock::now(), period), 0);
    loop {
        sleep_until(Instant::from_std(next)).await;
        shared.beats.fetch_add(1, Ordering::Relaxed);
        let begun = clock::now();
        next = clock::after(begun, period);
        let receipts = shared.books.receipts();
        if receipts.is_empty() {
            // Whether the queue is back shows when there is a lease to extend.
            outage.forget();
            failures = 0;
            continue;
        }
        // What doesn't answer in time is asked again while there is still some.
        let said = timeout(period, shared.queue.extend(&receipts)).await;
        shared.beats.fetch_add(1, Ordering::Relaxed);
        match said.unwrap_or_else(|_| Err(NoAnswer(period).into())) {
            Ok(()) => {
                outage.over();
                failures = 0;
            }
            Err(error) => {
                outage.failed(&*error);
                failures += 1;
                next = clock::after(clock::now(), AGAIN.after(failures).min(period));
            }
        }
    }
}
