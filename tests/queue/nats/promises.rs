//! The conformance suite, settlements, leases and their renewal while handlers block threads, and extreme durations.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide::testing::queue::{DeadLettered, Promise, Relay, Subject, SubjectCounts, Verdict, conforms};
use ebbtide_nats::NatsQueue;

use super::place::Place;
use crate::blocked::{self, blocked_threads};
use crate::support::{self, EXTREMES, consume, fetch_all, fetch_for, next, no_jobs_for, now};

struct Jobs {
    relay: Relay,
    place: Place,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let place = Place::new().await;
        // The stream must exist before a push; the lease is that of the first consumer.
        let _made = place.open().await;
        place.context.get_stream(&place.name).await?.delete_consumer(&place.name).await?;
        let broker = place.url.trim_start_matches("nats://").trim_end_matches('/').to_owned();
        Ok(Self { relay: Relay::open(&broker).await?, place })
    }
}

impl Subject for Jobs {
    type Queue = NatsQueue;

    async fn open(&self, lease: Duration) -> Result<NatsQueue, BoxError> {
        let url = format!("nats://{}", self.relay.address());
        Ok(self.place.builder().url(url).lease(lease).open().await?)
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        let published = self.place.context.publish(self.place.name.clone(), payload.to_vec().into()).await?;
        published.await?;
        Ok(())
    }

    /// NATS does not distinguish a delayed retry from a job that a consumer holds: both are outstanding.
    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        let dead_lettered = self.place.dead_lettered().await.len();
        Ok(SubjectCounts {
            waiting: self.place.messages().await,
            leased: None,
            dead_lettered: dead_lettered.try_into()?,
        })
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        let mut found = Vec::new();
        for job in self.place.dead_lettered().await {
            let error = job.headers.get("Ebbtide-Error").map(|text| serde_json::from_str(text.as_str()));
            found.push(DeadLettered { payload: job.payload, error: error.transpose()? });
        }
        Ok(found)
    }

    async fn disconnect(&self) -> Result<bool, BoxError> {
        self.relay.disconnect().await;
        Ok(true)
    }

    async fn reconnect(&self) -> Result<(), BoxError> {
        Ok(self.relay.reconnect().await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    for (promise, verdict) in &kept {
        let applies = *promise != Promise::PrefetchKeepsNothing;
        assert_eq!(*verdict == Verdict::Kept, applies, "{promise:?}: {kept:?}");
    }
}

// Settlements.

#[tokio::test]
async fn a_requeued_job_wakes_a_waiting_consumer_keeps_its_id_and_counts_no_attempt() {
    let place = Place::new().await;
    let (first, second) = (place.open().await, place.open().await);
    let id = first.push("job").await.unwrap();
    for _ in 0..3 {
        let job = next(&first).await;
        assert_eq!((&*job.id, job.attempt), (&*id, 1));
        let (again, settled) = tokio::join!(next(&second), first.settle(&job.receipt, Settlement::Requeue));
        assert_eq!((settled.unwrap(), &*again.id, again.attempt), (Settled::Done, &*id, 1));
        assert_eq!(second.settle(&again.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    // It is still one job, and no consumer holds it.
    let info = place.info().await;
    assert_eq!((place.messages().await, info.num_ack_pending, info.num_pending), (1, 0, 1));
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_counts_an_attempt() {
    let place = Place::new().await;
    let queue = place.open().await;
    let id = queue.push([0, 255, 10, 13, 0]).await.unwrap();
    let mut attempts = Vec::new();
    for after in [700, 0, 300] {
        let job = next(&queue).await;
        attempts.push(job.attempt);
        let (began, after) = (now(), Duration::from_millis(after));
        let retry = Settlement::Retry { after, error: "once more".to_owned() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
        let other = place.open().await;
        let again = next(&other).await;
        assert!(began.elapsed() >= after, "{:?} instead of {after:?}", began.elapsed());
        assert_eq!((&*again.id, &*again.payload), (&*id, [0, 255, 10, 13, 0].as_slice()));
        attempts.push(again.attempt);
        assert_eq!(other.settle(&again.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    assert_eq!(attempts, [1, 2, 2, 3, 3, 4]);
}

#[tokio::test]
async fn a_dead_lettered_job_is_kept_with_its_error_and_not_delivered() {
    let place = Place::new().await;
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let error = "no such address:\r\n\"☃\" \0".to_owned();
    let dead_letter = Settlement::DeadLetter { error: error.clone() };
    assert_eq!(queue.settle(&job.receipt, dead_letter.clone()).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Lost);
    assert_eq!(fetch_for(&queue, Duration::from_millis(300)).await, []);
    let dead_lettered = place.dead_lettered().await;
    assert_eq!((dead_lettered.len(), &*dead_lettered[0].payload), (1, b"job".as_slice()));
    let header = |name| dead_lettered[0].headers.get(name).unwrap().as_str();
    assert_eq!(serde_json::from_str::<String>(header("Ebbtide-Error")).unwrap(), error);
    assert_eq!((header("Ebbtide-Job"), header("Ebbtide-Tries")), (&*id, "1"));
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (0, 0, 1));
    assert_eq!(place.messages().await, 0, "the job is still in the stream of jobs");
}

/// If the response to a requeue is lost, the server recognises the repeated message as a duplicate.
#[tokio::test]
async fn a_job_requeued_twice_is_queued_once() {
    let place = Place::new().await;
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let twice = async |n: u32| {
        // The first message reached the stream, and its response was lost.
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", format!("back-{id}-{}", job.attempt));
        headers.insert("Ebbtide-Job", &*id);
        let name = place.name.clone();
        let stored =
            place.context.publish_with_headers(name, headers, "job".into()).await.unwrap().await.unwrap();
        assert_eq!(stored.duplicate, n > 0);
    };
    twice(0).await;
    assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    twice(1).await;
    assert_eq!(place.messages().await, 1);
    assert_eq!(next(&queue).await.id, id);
}

// Leases.

const LEASE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_crash_between_fetch_and_settle_loses_nothing() {
    let place = Place::new().await;
    let queue = place.open_short(LEASE).await;
    let mut pushed = Vec::new();
    for n in 0..60 {
        pushed.push(queue.push(n.to_string()).await.unwrap());
    }
    let held = fetch_all(&queue, 40).await;
    assert_eq!(held.len(), 40);
    drop(queue);

    let next = place.open_short(LEASE).await;
    // One at a time, as they are delivered: a redelivered job has a new lease.
    let (mut ids, mut again) = (Vec::new(), 0);
    while ids.len() < 60 {
        let job = support::next(&next).await;
        again += u32::from(job.attempt == 2);
        assert_eq!(next.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        ids.push(job.id);
    }
    ids.sort();
    pushed.sort();
    assert_eq!((ids, again), (pushed, 40));
    assert_eq!(place.messages().await, 0);
}

#[tokio::test]
async fn an_extended_lease_is_kept_and_another_expires() {
    let place = Place::new().await;
    let (kept, lost) = (place.open_short(LEASE).await, place.open_short(LEASE).await);
    kept.push("kept").await.unwrap();
    let ours = next(&kept).await;
    kept.withdraw().await.unwrap();
    lost.push("lost").await.unwrap();
    let theirs = next(&lost).await;

    let other = place.open_short(LEASE).await;
    support::an_extended_lease_is_kept_and_another_expires([&kept, &lost, &other], LEASE, [&ours, &theirs])
        .await;
    assert_eq!(place.messages().await, 1);
}

#[tokio::test]
async fn a_receipt_settles_only_its_delivery() {
    let place = Place::new().await;
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    support::a_receipt_settles_only_its_delivery(&queue, LEASE).await;
}

// Lease renewal while handlers block threads.

blocked_threads!(
    Place::new().await,
    async |place: &Place| place.open_short(blocked::LEASE).await,
    async |queue: &NatsQueue| {
        for job in ["one", "two"] {
            queue.push(job).await.unwrap();
        }
    }
);

// Extreme durations.

#[tokio::test]
async fn extreme_durations_do_not_break_the_shutdown() {
    for value in EXTREMES {
        let place = Place::new().await;
        let Ok(queue) = place.builder().lease(value).open().await else {
            assert!(value < Duration::from_millis(100), "{value:?} is refused");
            continue;
        };
        queue.push("job").await.unwrap();
        let tally = consume(queue).await;
        assert_eq!(tally.acked, 1, "{value:?}: {tally:?}");
    }
}

/// A failed job has an endless delay, and the consumer stops nevertheless.
#[tokio::test]
async fn an_endless_delay_does_not_break_the_shutdown() {
    let place = Place::new().await;
    let queue = place.open().await;
    queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let retry = Settlement::Retry { after: Duration::MAX, error: "not now".to_owned() };
    assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
    no_jobs_for(&queue, 300).await;
    let tally = consume(queue).await;
    assert_eq!(tally.taken, 0, "{tally:?}");
}
