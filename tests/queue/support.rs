//! Helpers that the adapters' tests share: fetching and stopping; leases and stops of adapters without a table; and extreme
//! durations, with which each adapter must run a job and stop on request without a panic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ebbtide::drain::{Stop, StopSource};
use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Delivery, Queue, Settled, Settlement, Tally};
use ebbtide::{Backoff, BoxError};
use tokio::sync::Notify;

/// Longer than any step takes. A test that waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// The error of a failed job, with characters that need escaping.
pub(crate) const ERROR: &str = "the mail server said \"no\"\n— twice \u{1F4A5}";

/// Returns a unique part of a name. A process id would not do: it is reused, and a killed test may have left data behind.
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

/// Waits for this many jobs, in any number of fetches.
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

/// Fetches jobs until a stop after this time. Then acknowledges them, requeues every third one, and closes the queue.
/// Returns the acknowledged jobs.
pub(crate) async fn consume_until_stopped<Q: Queue>(queue: Q, time: Duration) -> Vec<Delivery<Q::Receipt>> {
    let source = source();
    let token = source.token();
    let mut done = Vec::new();
    let consuming = async {
        let mut held = Vec::new();
        while !token.is_stopping() {
            held.extend(queue.fetch(3, &token).await.unwrap());
        }
        held.extend(queue.withdraw().await.unwrap());
        for (n, job) in held.into_iter().enumerate() {
            let back = n % 3 == 2;
            let settlement = if back { Settlement::Requeue } else { Settlement::Ack };
            assert_eq!(queue.settle(&job.receipt, settlement).await.unwrap(), Settled::Done);
            if !back {
                done.push(job);
            }
        }
        queue.close().await.unwrap();
    };
    let stopping = async {
        tokio::time::sleep(time).await;
        stop(&source);
    };
    tokio::join!(consuming, stopping);
    done
}

/// Fetches for this long and returns the jobs.
pub(crate) async fn fetch_for<Q: Queue>(queue: &Q, time: Duration) -> Vec<Delivery<Q::Receipt>> {
    let source = source();
    let token = source.token();
    let (jobs, ()) = tokio::join!(queue.fetch(1000, &token), async {
        tokio::time::sleep(time).await;
        stop(&source);
    });
    jobs.unwrap()
}

/// Fetches for this many milliseconds and asserts that no job comes.
pub(crate) async fn no_jobs_for<Q: Queue>(queue: &Q, millis: u64) {
    let jobs = fetch_for(queue, Duration::from_millis(millis)).await;
    let ids: Vec<&str> = jobs.iter().map(|job| &*job.id).collect();
    assert!(ids.is_empty(), "{ids:?}");
}

// Leases and stops.

/// A consumer whose lease expired may fetch the same job again. Its first receipt is lost nevertheless.
pub(crate) async fn a_receipt_settles_only_its_delivery<Q: Queue>(queue: &Q, lease: Duration) {
    let first = next(queue).await;
    let second = next(queue).await;
    assert_eq!((&first.id, first.attempt, second.attempt), (&second.id, 1, 2));
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert!(fetch_for(queue, 2 * lease).await.is_empty());
}

/// Two consumers hold one job each, and one of them extends its lease. A third consumer gets the other job, which its first
/// holder can no longer settle. Returns the delivery to the third.
pub(crate) async fn an_extended_lease_is_kept_and_another_expires<Q: Queue>(
    [kept, lost, other]: [&Q; 3],
    lease: Duration,
    [ours, theirs]: [&Delivery<Q::Receipt>; 2],
) -> Delivery<Q::Receipt> {
    let extending = async {
        for _ in 0..10 {
            tokio::time::sleep(lease / 4).await;
            kept.extend(std::slice::from_ref(&ours.receipt)).await.unwrap();
        }
    };
    let (taken, ()) = tokio::join!(next(other), extending);
    assert_eq!((&*taken.id, taken.attempt), (&*theirs.id, 2));
    // Extending a lost job does not affect its new holder.
    lost.extend(std::slice::from_ref(&theirs.receipt)).await.unwrap();
    assert_eq!(lost.settle(&theirs.receipt, Settlement::Requeue).await.unwrap(), Settled::Lost);
    assert_eq!(kept.settle(&ours.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    taken
}

/// Each wait would take a second.
pub(crate) async fn a_fetch_that_waits_ends_with_the_stop_at_once<Q: Queue>(queue: &Q) {
    let began = now();
    for _ in 0..20 {
        assert!(fetch_for(queue, Duration::from_millis(20)).await.is_empty());
    }
    assert!(began.elapsed() < Duration::from_secs(20) / 4, "{:?}", began.elapsed());
}

// Extreme durations.

/// The durations that are tried.
pub(crate) const EXTREMES: [Duration; 3] = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

/// Runs a consumer until a job has begun, or for one second: a lease or a pause of zero may prevent any job. A panic in it
/// fails the test.
pub(crate) async fn consume<Q: Queue>(queue: Q) -> Tally {
    let source = StopSource::with_clock(now);
    let began = Arc::new(Notify::new());
    let begins = Arc::clone(&began);
    let handler = move |_, _| {
        begins.notify_one();
        async { Ok::<_, BoxError>(()) }
    };
    let options = ConsumeOptions::new(2).backoff(Backoff::new(Duration::MAX, Duration::MAX));
    let consumer = Consumer::new("times", queue, options, handler);
    let stopping = async {
        let _ = tokio::time::timeout(Duration::from_secs(1), began.notified()).await;
        source.stop(Cause::Signal { number: 15 }, Some(now() + Duration::from_secs(10)));
    };
    tokio::join!(consumer.run(source.token()), stopping).0
}
