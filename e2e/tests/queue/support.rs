//! What the adapters' tests have in common.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::time::{Duration, Instant};

use ebbtide::drain::{Stop, StopSource};
use ebbtide::model::Cause;
use ebbtide::queue::{Delivery, Queue};

/// Longer than anything here takes: a test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Says what background job failed of.
pub(crate) const ERROR: &str = "the mail server said \"no\"\n— twice \u{1F4A5}";

/// Returns a part of a name that no other test uses, in this process or another, now or in an earlier run: a process id
/// comes again, and so would what a killed test has left behind.
pub(crate) fn unique() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

pub(crate) fn source() -> StopSource {
    StopSource::with_clock(now)
}

#[expect(clippy::disallowed_methods, reason = "tests measure with the machine's clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Raises a token the way a signal does.
pub(crate) fn stop(source: &StopSource) {
    source.stop(Cause::Signal { number: 15 }, None);
}

/// Waits for jobs.
pub(crate) async fn fetch<Q: Queue>(queue: &Q, max: usize) -> Vec<Delivery<Q::Receipt>> {
    queue.fetch(max, &Stop::never()).await.unwrap()
}

/// Waits for so many jobs, in however many fetches.
pub(crate) async fn fetch_all<Q: Queue>(queue: &Q, count: usize) -> Vec<Delivery<Q::Receipt>> {
    let mut jobs = Vec::new();
    while jobs.len() < count {
        jobs.extend(fetch(queue, count - jobs.len()).await);
    }
    jobs
}

/// Waits for one job.
pub(crate) async fn next<Q: Queue>(queue: &Q) -> Delivery<Q::Receipt> {
    fetch(queue, 1).await.remove(0)
}

/// Looks for jobs for so long, and returns what there was.
pub(crate) async fn fetch_for<Q: Queue>(queue: &Q, time: Duration) -> Vec<Delivery<Q::Receipt>> {
    let source = source();
    let token = source.token();
    let (jobs, ()) = tokio::join!(queue.fetch(1000, &token), async {
        tokio::time::sleep(time).await;
        stop(&source);
    });
    jobs.unwrap()
}

/// Looks for jobs for so many milliseconds, and there are none.
pub(crate) async fn no_jobs_for<Q: Queue>(queue: &Q, millis: u64) {
    let jobs = fetch_for(queue, Duration::from_millis(millis)).await;
    let ids: Vec<&str> = jobs.iter().map(|job| &*job.id).collect();
    assert!(ids.is_empty(), "{ids:?}");
}
