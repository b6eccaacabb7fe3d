//! The conformance suite, settlements and leases.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use ebbtide::BoxError;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide::testing::queue::{DeadLettered, Promise, Relay, Subject, SubjectCounts, Verdict, conforms};
use ebbtide_sqs::SqsQueue;

use super::place::{Counts, Place, client, text};
use crate::support::{ERROR, fetch_all, fetch_for, next, now};

/// The wait time of a request.
const POLL: Duration = Duration::from_secs(1);

/// Requests wait for half of a lease at most.
const SHORTEST: Duration = Duration::from_secs(2);

struct Jobs {
    relay: Relay,
    place: Place,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let place = Place::new();
        // The queues must exist before a push.
        let _made = place.open().await;
        let server = place.endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Self { relay: Relay::open(&server).await?, place })
    }
}

impl Subject for Jobs {
    type Queue = SqsQueue;

    async fn open(&self, lease: Duration) -> Result<SqsQueue, BoxError> {
        let client = client(&format!("http://{}", self.relay.address()));
        let builder = SqsQueue::builder(client, &self.place.name).lease(lease.max(SHORTEST)).poll(POLL);
        Ok(builder.open().await?)
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        let (body, attributes) = match std::str::from_utf8(payload) {
            Ok("") => ("nothing", HashMap::from([("Ebbtide-Payload".to_owned(), text("none"))])),
            Ok(body) if !body.contains('\0') => (body, HashMap::new()),
            _ => {
                let bytes = MessageAttributeValue::builder().data_type("Binary");
                let bytes = bytes.binary_value(Blob::new(payload)).build()?;
                ("bytes", HashMap::from([("Ebbtide-Payload".to_owned(), bytes)]))
            }
        };
        self.place.send(body, attributes).await;
        Ok(())
    }

    /// SQS does not distinguish a delayed retry from a job that a consumer holds: both are in flight.
    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        let jobs = self.place.counts().await;
        let dead = self.place.counts_of(&format!("{}-dead", self.place.name)).await;
        let waiting = jobs.visible + jobs.in_flight;
        Ok(SubjectCounts { waiting, leased: None, dead_lettered: dead.visible + dead.in_flight })
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        let mut found = Vec::new();
        for job in self.place.dead_lettered().await {
            let error = job.attribute("Ebbtide-Error").map(serde_json::from_str).transpose()?;
            found.push(DeadLettered { payload: job.body.into(), error });
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

    /// A standard queue is stored on many servers, and a request asks some of them.
    fn keeps_order(&self) -> bool {
        false
    }

    /// SQS counts each delivery, and the count cannot be reduced.
    fn counts_requeues(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqs_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    for (promise, verdict) in &kept {
        let applies = !matches!(promise, Promise::OrderIsKept | Promise::PrefetchKeepsNothing);
        assert_eq!(*verdict == Verdict::Kept, applies, "{promise:?}: {kept:?}");
    }
}

// Settlements.

/// SQS counts each delivery, so a requeue counts as an attempt. Nothing else is different.
#[tokio::test]
async fn a_requeued_job_wakes_a_waiting_consumer_and_keeps_its_id() {
    let place = Place::new();
    let (first, second) = (place.open().await, place.open().await);
    let id = first.push("job").await.unwrap();
    for attempt in [1, 3, 5] {
        let job = next(&first).await;
        assert_eq!((&*job.id, job.attempt), (&*id, attempt));
        assert_eq!(place.counts().await, Counts { visible: 0, in_flight: 1 });
        let (again, settled) = tokio::join!(next(&second), first.settle(&job.receipt, Settlement::Requeue));
        assert_eq!((settled.unwrap(), &*again.id, again.attempt), (Settled::Done, &*id, attempt + 1));
        assert_eq!(second.settle(&again.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    // It is still one job, and no consumer holds it.
    assert_eq!(place.counts().await, Counts { visible: 1, in_flight: 0 });
}

#[tokio::test]
async fn a_retry_waits_for_its_time_rounded_up_and_counts_an_attempt() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push([0, 255, 10, 13, 0]).await.unwrap();
    let mut attempts = Vec::new();
    for (after, wait) in [(1200, 2), (0, 0), (300, 1)] {
        let job = next(&queue).await;
        attempts.push(job.attempt);
        let (began, after) = (now(), Duration::from_millis(after));
        let retry = Settlement::Retry { after, error: "once more".to_owned() };
        assert_eq!(queue.settle(&job.receipt, retry).await.unwrap(), Settled::Done);
        let other = place.open().await;
        let again = next(&other).await;
        let waited = began.elapsed();
        assert!(waited >= Duration::from_secs(wait), "{waited:?} for {after:?}");
        assert_eq!((&*again.id, &*again.payload), (&*id, [0, 255, 10, 13, 0].as_slice()));
        attempts.push(again.attempt);
        assert_eq!(other.settle(&again.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_dead_lettered_job_has_its_reason_and_id_and_has_left_the_queue() {
    let place = Place::new();
    let queue = place.open().await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let dead_letter = Settlement::DeadLetter { error: ERROR.to_owned() };
    assert_eq!(queue.settle(&job.receipt, dead_letter.clone()).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&job.receipt, dead_letter).await.unwrap(), Settled::Lost);
    let dead_lettered = place.dead_lettered().await;
    assert_eq!(dead_lettered.len(), 1);
    assert_eq!(dead_lettered[0].body, "job");
    let error = dead_lettered[0].attribute("Ebbtide-Error").unwrap();
    assert_eq!(serde_json::from_str::<String>(error).unwrap(), ERROR);
    assert_eq!(dead_lettered[0].attribute("Ebbtide-Job"), Some(&*id));
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.leased, counts.dead_lettered), (0, 0, 1));
}

/// Another client deletes the message.
#[tokio::test]
async fn settling_a_job_that_no_longer_exists_returns_lost() {
    let place = Place::new();
    let queue = place.open().await;
    queue.push("job").await.unwrap();
    let job = next(&queue).await;
    place.client.purge_queue().queue_url(place.url(&place.name).await).send().await.unwrap();
    queue.extend(std::slice::from_ref(&job.receipt)).await.unwrap();
    assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Lost);
    assert!(fetch_for(&queue, Duration::from_millis(300)).await.is_empty());
}

// Leases.

const LEASE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_crash_between_fetch_and_settle_loses_nothing() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    let mut pushed = Vec::new();
    for n in 0..30 {
        pushed.push(queue.push(n.to_string()).await.unwrap());
    }
    let held = fetch_all(&queue, 20).await;
    drop(queue);

    let second = place.open_short(LEASE).await;
    // One at a time, as they are delivered: a redelivered job has a new lease.
    let (mut ids, mut again) = (Vec::new(), 0);
    while ids.len() < 30 {
        let job = next(&second).await;
        again += usize::from(job.attempt == 2);
        assert_eq!(second.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        ids.push(job.id);
    }
    ids.sort();
    pushed.sort();
    assert_eq!((ids, again), (pushed, held.len()));
    let counts = place.counts().await;
    assert_eq!((counts.visible, counts.in_flight), (0, 0));
}

/// More jobs than fit in one request.
#[tokio::test]
async fn an_extended_lease_is_kept_and_another_expires() {
    let place = Place::new();
    let (kept, lost) = (place.open_short(LEASE).await, place.open_short(LEASE).await);
    for n in 0..12 {
        kept.push(n.to_string()).await.unwrap();
    }
    let ours = fetch_all(&kept, 12).await;
    lost.push("lost").await.unwrap();
    let theirs = next(&lost).await;
    let receipts: Vec<_> = ours.iter().map(|job| job.receipt.clone()).collect();

    let other = place.open_short(LEASE).await;
    let extending = async {
        for _ in 0..9 {
            kept.extend(&receipts).await.unwrap();
            tokio::time::sleep(LEASE / 3).await;
        }
    };
    let (taken, ()) = tokio::join!(next(&other), extending);
    assert_eq!((&*taken.id, taken.attempt), (&*theirs.id, 2));
    // Extending a lost job does not affect its new holder.
    lost.extend(std::slice::from_ref(&theirs.receipt)).await.unwrap();
    assert_eq!(lost.settle(&theirs.receipt, Settlement::Requeue).await.unwrap(), Settled::Lost);
    for job in &ours {
        assert_eq!(kept.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
}

/// The opposite, with a plain client: the first receipt takes the job away from its current holder.
#[tokio::test]
async fn a_receipt_settles_only_its_delivery() {
    let place = Place::new();
    let queue = place.open_short(LEASE).await;
    queue.push("job").await.unwrap();
    let first = next(&queue).await;
    let second = next(&queue).await;
    assert_eq!((&first.id, first.attempt, second.attempt), (&second.id, 1, 2));
    assert_eq!(queue.settle(&first.receipt, Settlement::Requeue).await.unwrap(), Settled::Lost);
    assert_eq!(place.counts().await.in_flight, 1, "the current holder keeps the job");
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.settle(&second.receipt, Settlement::Ack).await.unwrap(), Settled::Lost);
    assert_eq!(fetch_for(&queue, 2 * LEASE).await, []);

    let client = &place.client;
    let url = place.url(&place.name).await;
    queue.push("job").await.unwrap();
    let receive = || async {
        let asking = client.receive_message().queue_url(&url).visibility_timeout(2).wait_time_seconds(10);
        asking.send().await.unwrap().messages.unwrap().remove(0).receipt_handle.unwrap()
    };
    let (first, _second) = (receive().await, receive().await);
    let by_hand = client.change_message_visibility().queue_url(&url).receipt_handle(first);
    by_hand.visibility_timeout(0).send().await.unwrap();
    assert_eq!(place.counts().await.in_flight, 0, "the server accepts an old receipt");
}

/// Half of this lease is less than one second, the shortest wait of a request. The consumer polls without waiting.
#[tokio::test]
async fn the_shortest_lease_is_kept_by_requests_that_do_not_wait() {
    let place = Place::new();
    let queue = place.open_short(Duration::from_secs(1)).await;
    let pushing = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        queue.push("late").await.unwrap()
    };
    let (job, id) = tokio::join!(next(&queue), pushing);
    assert_eq!(job.id, id);
    let (others, ()) = tokio::join!(fetch_for(&queue, Duration::from_secs(2)), async {
        for _ in 0..12 {
            queue.extend(std::slice::from_ref(&job.receipt)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    assert_eq!(others, []);
    assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    assert_eq!(queue.withdraw().await.unwrap(), []);
}
