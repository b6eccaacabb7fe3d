use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::beat::period;
use super::shared::Shared;
use crate::drain::Work as _;
use crate::model::{part, show_duration};
use crate::queue::Queue;
use crate::runtime::clock;

/// Reports, from another thread, that the task of the renewals has not been run for two thirds of a lease: jobs are about to be
/// delivered to others, and nothing on the runtime that is blocked can say so.
///
/// The task counts: its clock may be paused, this thread's is not.
pub(super) async fn watch<Q: Queue, F>(shared: &Arc<Shared<Q, F>>) {
    let Some(lease) = shared.queue.lease() else { return };
    let period = period(lease);
    let (mut beats, mut since, mut late) = (None, clock::now(), false);
    loop {
        sleep(part(period, 1, 4).max(Duration::from_millis(1))).await;
        let seen = Some(shared.beats.load(Ordering::Relaxed));
        let silent = clock::now().saturating_duration_since(since);
        if seen != beats {
            if late {
                back(shared, silent, lease);
            }
            (beats, since, late) = (seen, clock::now(), false);
        } else if !late && silent >= period.saturating_mul(2) && shared.books.in_flight() > 0 {
            late = true;
            report(shared, since, lease);
        }
    }
}

fn report<Q: Queue, F>(shared: &Shared<Q, F>, since: Instant, lease: Duration) {
    let silent = clock::now().saturating_duration_since(since);
    crate::runtime::log_warn!(
        consumer = &*shared.name,
        jobs = shared.books.in_flight(),
        blocked_for = show_duration(silent),
        lease = show_duration(lease),
        "lease renewal is late: the runtime is blocked; its jobs are delivered again when their leases expire"
    );
}

fn back<Q: Queue, F>(shared: &Shared<Q, F>, silent: Duration, lease: Duration) {
    crate::runtime::log_warn!(
        consumer = &*shared.name,
        blocked_for = show_duration(silent),
        lease = show_duration(lease),
        "lease renewal resumed: the runtime was blocked; its jobs may have been delivered again"
    );
}
