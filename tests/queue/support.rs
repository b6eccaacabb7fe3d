//! What the adapters' tests have in common: how they fetch and stop, what the adapters of brokers without a table have in common about
//! leases and stops, and the times of the adapters at their ends, which a test of each adapter tries: a consumer takes a job, stops on a
//! request, and nothing panics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ebbtide::drain::{Stop, StopSource};
use ebbtide::model::Cause;
use ebbtide::queue::{ConsumeOptions, Consumer, Delivery, Queue, Settled, Settlement, Tally};
use ebbtide::{Backoff, BoxError};
use tokio::sync::Notify;

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

/// Fetches until it is stopped, after that time; acknowledges what it has then but every third job, which it hands back, and closes.
/// Returns what was acknowledged.
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

// Leases and stops.

/// A consumer that slept through its lease may be the one that takes the job over: its first receipt is lost all the same.
pub(crate) async fn a_receipt_settles_only_its_delivery<Q: Queue>(queue: &Q, lease: Duration) {
    let first = next(queue).await;
    let second = next(queue).await;
    assert_eq!((&first.id, first.attempt, second.attempt), (&second.id, 1, 2));
    assert_eq!(queue.settle(&first.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert!(fetch_for(queue, 2 * lease).await.is_empty());
}

/// Two consumers have one job each, and one of them extends its lease: a third is given the other's, which that cannot settle any more. Returns it.
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
    // To extend what is lost does no harm to whose it is.
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

// Times at their ends.

/// The times that are tried.
pub(crate) const EXTREMES: [Duration; 3] = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

/// Runs a consumer until a job has been begun; where none comes in a second, which a lease or a pause of no length may do to it, until
/// then. A panic in it fails the test.
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
