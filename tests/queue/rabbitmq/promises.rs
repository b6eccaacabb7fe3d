//! The conformance suite on classic and quorum queues; queues that other programs have declared; prefetch, crashes, and how
//! attempts are counted; heartbeats as documented.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide::testing::queue::{DeadLettered, Promise, Subject, SubjectCounts, Verdict, conforms};
use ebbtide_rabbitmq::{RabbitQueue, RabbitQueueError};
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::broker::{Broker, DELAYS, Wire, ack, number, retry, settle, take, take_one};
use crate::blocked::{beside_another, block_the_thread, runtime};

/// A separate queue for each promise. Its consumers reach the server through a proxy that can be disconnected.
struct Place {
    broker: Arc<Broker>,
    wire: Wire,
    quorum: bool,
    producer: RabbitQueue,
}

impl Place {
    async fn new(quorum: bool) -> Self {
        let broker = Arc::new(Broker::new().await);
        let wire = Wire::to(broker.address()).await;
        let producer = open(broker.url(), &broker.name, quorum).await.unwrap();
        Self { broker, wire, quorum, producer }
    }

    async fn count(&self, queue: &str) -> u64 {
        self.broker.ready(queue).await.unwrap_or(0).into()
    }
}

async fn open(url: &str, name: &str, quorum: bool) -> Result<RabbitQueue, BoxError> {
    let builder = RabbitQueue::builder(name).url(url);
    Ok(if quorum { builder.quorum() } else { builder }.open().await?)
}

impl Subject for Place {
    type Queue = RabbitQueue;

    async fn open(&self, _lease: Duration) -> Result<RabbitQueue, BoxError> {
        open(&self.wire.url(), &self.broker.name, self.quorum).await
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        self.producer.push(payload).await?;
        Ok(())
    }

    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        let name = &self.broker.name;
        let mut waiting = self.count(name).await;
        for (_, millis) in DELAYS {
            waiting += self.count(&format!("{name}.retry.{millis}")).await;
        }
        Ok(SubjectCounts { waiting, leased: None, dead_lettered: self.count(&format!("{name}.dead")).await })
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        let (channel, dead) = (self.broker.channel().await, format!("{}.dead", self.broker.name));
        let mut all = Vec::new();
        while let Some(message) = channel.basic_get(dead.as_str().into(), BasicGetOptions::default()).await? {
            let headers = message.properties.headers().as_ref().map(|headers| headers.inner());
            let error = match headers.and_then(|headers| headers.get("ebbtide-error")) {
                Some(AMQPValue::LongString(error)) => Some(error.to_string()),
                _ => None,
            };
            all.push(DeadLettered { payload: message.delivery.data, error });
        }
        // Closing the channel requeues the messages.
        channel.close(200, "seen".into()).await?;
        Ok(all)
    }

    async fn disconnect(&self) -> Result<bool, BoxError> {
        self.wire.disconnect();
        Ok(true)
    }

    async fn reconnect(&self) -> Result<(), BoxError> {
        self.wire.reconnect();
        Ok(())
    }
}

/// Returns the promises that do not apply.
async fn does_not_make(quorum: bool) -> Vec<Promise> {
    let brokers = Mutex::new(Vec::new());
    let kept = conforms(async || {
        let place = Place::new(quorum).await;
        brokers.lock().unwrap().push(Arc::clone(&place.broker));
        Ok(place)
    })
    .await;
    for broker in brokers.into_inner().unwrap() {
        broker.remove().await;
    }
    let kept = kept.unwrap().into_iter();
    kept.filter(|(_, verdict)| *verdict == Verdict::DoesNotApply).map(|(promise, _)| promise).collect()
}

/// RabbitMQ has no leases, and the server prefetches by itself.
const NOT_MADE: [Promise; 4] = [
    Promise::LapsedLeaseIsLost,
    Promise::LeaseBeginsAtDelivery,
    Promise::ExtendKeeps,
    Promise::PrefetchKeepsNothing,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classic_queue_keeps_every_promise() {
    assert_eq!(does_not_make(false).await, NOT_MADE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_queue_keeps_every_promise() {
    assert_eq!(does_not_make(true).await, NOT_MADE);
}

// Classic queues, quorum queues, and queues that other programs have declared.

#[test]
fn a_quorum_queue_counts_crashes_and_retries_but_not_requeues() {
    Broker::with(async |broker| {
        let open =
            async || RabbitQueue::builder(&broker.name).url(broker.url()).quorum().open().await.unwrap();
        let id = open().await.push("job").await.unwrap();
        let mut attempts = Vec::new();
        for settlement in
            [None, Some(Settlement::Requeue), Some(retry(DELAYS[0].0)), None, None, Some(Settlement::Ack)]
        {
            let queue = open().await;
            let delivery = take_one(&queue).await;
            assert_eq!(delivery.id, id);
            attempts.push(delivery.attempt);
            if let Some(settlement) = settlement {
                // Otherwise a requeued job returns to this consumer before it crashes.
                assert!(queue.withdraw().await.unwrap().is_empty());
                assert_eq!(settle(&queue, &delivery, settlement).await, Settled::Done);
            }
        }
        assert_eq!(attempts, [1, 2, 2, 3, 4, 5]);
    });
}

#[test]
fn another_queue_type_is_refused_and_an_existing_queue_can_be_used_unchanged() {
    Broker::with(async |broker| {
        let (channel, name) = (broker.channel().await, broker.name.as_str());
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), options, FieldTable::default()).await.unwrap();
        let builder = || RabbitQueue::builder(name).url(broker.url());
        let error = builder().open().await.unwrap_err();
        assert!(
            matches!(&error, RabbitQueueError::PreconditionFailed { queue, .. } if queue == name),
            "{error:?}"
        );

        let queue = builder().existing().open().await.unwrap();
        queue.push("job").await.unwrap();
        let delivery = take_one(&queue).await;
        assert_eq!(settle(&queue, &delivery, Settlement::Requeue).await, Settled::Done);
        let again = take_one(&queue).await;
        assert_eq!((&again.id, again.attempt), (&delivery.id, 1));
        ack(&queue, &again).await;
    });
}

// Prefetch, crashes, and how attempts are counted.

#[test]
fn the_prefetch_follows_the_number_of_jobs_asked_for() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..20 {
            queue.push(job.to_string()).await.unwrap();
        }
        let three = take(&queue, 3).await;
        broker.wait_for(17).await;
        // Unsettled jobs count.
        ack(&queue, &three[0]).await;
        broker.wait_for(16).await;
        let eight = take(&queue, 8).await;
        assert_eq!(eight.len(), 8);
        broker.wait_for(9).await;
    });
}

#[test]
fn after_a_crash_another_consumer_runs_the_job_and_each_crash_is_an_attempt() {
    Broker::with(async |broker| {
        let id = broker.open().await.push("a job that kills").await.unwrap();
        for attempt in 1..=5 {
            let queue = broker.open().await;
            let delivery = take_one(&queue).await;
            assert_eq!((&delivery.id, delivery.attempt), (&id, attempt));
            if attempt == 5 {
                ack(&queue, &delivery).await;
            }
            // The opposite of settling: the connection closes with the job unsettled.
            drop((queue, delivery));
        }
        broker.wait_for(0).await;
    });
}

#[test]
fn failures_count_as_attempts_and_requeues_do_not() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        queue.push("job").await.unwrap();
        let mut attempts = Vec::new();
        for settlement in [
            Settlement::Requeue,
            retry(DELAYS[0].0),
            Settlement::Requeue,
            Settlement::Requeue,
            retry(Duration::ZERO),
            Settlement::Ack,
        ] {
            let delivery = take_one(&queue).await;
            attempts.push(delivery.attempt);
            let _done = settle(&queue, &delivery, settlement).await;
        }
        assert_eq!(attempts, [1, 1, 2, 2, 2, 3]);
    });
}

#[test]
fn requeued_jobs_are_delivered_before_queued_ones() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..10 {
            queue.push(job.to_string()).await.unwrap();
        }
        let first = take_one(&queue).await;
        let _done = settle(&queue, &first, Settlement::Requeue).await;
        assert_eq!(number(&take_one(&queue).await), 0);
    });
}

#[test]
fn messages_of_other_producers_are_jobs_whatever_is_in_their_headers() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        let channel = broker.channel().await;
        let mut strange = FieldTable::default();
        strange.insert("ebbtide-attempts".into(), AMQPValue::LongString("many".into()));
        strange.insert("x-death".into(), AMQPValue::Boolean(true));
        let mut large = FieldTable::default();
        large.insert("ebbtide-attempts".into(), AMQPValue::LongUInt(u32::MAX));
        let mut negative = FieldTable::default();
        negative.insert("ebbtide-attempts".into(), AMQPValue::LongInt(-3));
        negative.insert("trace".into(), AMQPValue::LongString("kept".into()));
        for headers in [strange, large, negative] {
            let properties = BasicProperties::default().with_headers(headers).with_expiration("60000".into());
            let name = broker.name.as_str();
            let options = BasicPublishOptions::default();
            channel.basic_publish("".into(), name.into(), options, b"job", properties).await.unwrap();
        }
        let taken = take(&queue, 3).await;
        let attempts: Vec<u32> = taken.iter().map(|delivery| delivery.attempt).collect();
        assert_eq!(attempts, [1, u32::MAX, 1]);
        let ids: BTreeSet<&String> = taken.iter().map(|delivery| &delivery.id).collect();
        assert_eq!(ids.len(), 3, "each has an id");
        let _done = settle(&queue, &taken[2], Settlement::DeadLetter { error: "why".to_owned() }).await;
        let dead_lettered = broker.empty(&queue.dead_letter_queue()).await;
        let [(properties, payload)] = dead_lettered.as_slice() else {
            panic!("expected one dead-lettered job: {dead_lettered:?}")
        };
        let headers = properties.headers().as_ref().unwrap().inner();
        assert_eq!(headers.get("trace"), Some(&AMQPValue::LongString("kept".into())));
        assert_eq!(headers.get("ebbtide-error"), Some(&AMQPValue::LongString("why".into())));
        assert_eq!((payload.as_slice(), properties.expiration()), (b"job".as_slice(), &None));
    });
}

// Heartbeats as documented.

/// No thread can renew a lease here: the connection is the lease, and lapin sends heartbeats on the runtime that opened it.
#[test]
fn handlers_that_block_every_thread_for_longer_than_the_heartbeat_lose_their_jobs() {
    Broker::with(async |broker| {
        let url = format!("{}?heartbeat=1", broker.url());
        let open = async || RabbitQueue::builder(&broker.name).url(&url).open().await.unwrap();
        let test = || {
            let runtime = runtime();
            let first = runtime.block_on(async {
                let first = open().await;
                for job in ["one", "two"] {
                    first.push(job).await.unwrap();
                }
                first
            });
            beside_another(&runtime, first, block_the_thread, open).both_jobs_ran_twice();
        };
        thread::scope(|scope| scope.spawn(test).join().unwrap());
    });
}
