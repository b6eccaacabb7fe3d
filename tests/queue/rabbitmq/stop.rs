//! A stopped consumer keeps no job, and no job is lost, even if its connection breaks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ebbtide::Stop;
use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_rabbitmq::{RabbitQueue, RabbitQueueError};
use lapin::options::QueueDeleteOptions;
use tokio::time::sleep;

use super::broker::{Broker, Wire, ack, number, settle, take, take_one};
use crate::support::{source, stop};

// Stops.

const ROUNDS: u32 = 40;

/// Pushes jobs until `end` is signalled.
async fn storm(queue: &RabbitQueue, next: &AtomicU32, end: &Stop) {
    while !end.is_stopping() {
        let job = next.fetch_add(1, Ordering::Relaxed);
        queue.push(job.to_string()).await.unwrap();
    }
}

/// Runs forty consumers in sequence. Each is stopped at a different time while four producers push. Every third job is running
/// at the stop and is requeued.
#[test]
fn forty_stops_under_a_storm_leave_nothing_and_lose_nothing() {
    Broker::with(async |broker| {
        let (producer, next, over) = (broker.open().await, AtomicU32::new(0), source());
        let end = over.token();
        let mut done: BTreeSet<u32> = BTreeSet::new();
        let consuming = async {
            for round in 0..ROUNDS {
                let queue = broker.open().await;
                let raised = source();
                let token = raised.token();
                let mut held = Vec::new();
                let fetching = async {
                    loop {
                        let batch = queue.fetch(16, &token).await.unwrap();
                        if token.is_stopping() {
                            break held.extend(batch);
                        }
                        for delivery in batch {
                            assert_eq!(delivery.attempt, 1, "a requeue was counted as an attempt");
                            if number(&delivery).is_multiple_of(3) && held.len() < 12 {
                                held.push(delivery);
                            } else {
                                ack(&queue, &delivery).await;
                                assert!(done.insert(number(&delivery)), "done twice");
                            }
                        }
                    }
                };
                let stopping = async {
                    sleep(Duration::from_millis(5 + u64::from(round) * 3)).await;
                    stop(&raised);
                };
                tokio::join!(fetching, stopping);
                let ahead = queue.withdraw().await.unwrap();
                for delivery in held.iter().chain(&ahead) {
                    assert_eq!(settle(&queue, delivery, Settlement::Requeue).await, Settled::Done);
                }
                queue.close().await.unwrap();
            }
            stop(&over);
        };
        tokio::join!(
            consuming,
            storm(&producer, &next, &end),
            storm(&producer, &next, &end),
            storm(&producer, &next, &end),
            storm(&producer, &next, &end),
        );
        let pushed = next.load(Ordering::Relaxed);
        // No job is unsettled: each one that is not done is ready.
        let left = pushed - u32::try_from(done.len()).unwrap();
        assert_eq!(broker.ready(&broker.name).await, Some(left));
        let queue = broker.open().await;
        for delivery in take(&queue, left as usize).await {
            assert_eq!(delivery.attempt, 1);
            assert!(done.insert(number(&delivery)), "done and delivered again");
        }
        assert_eq!(done, (0..pushed).collect::<BTreeSet<_>>());
        assert!(pushed > ROUNDS * 20, "too little load: {pushed} jobs in {ROUNDS} rounds");
    });
}

/// The opposite: prefetched jobs stay with the channel until they are withdrawn and settled, although all fetched jobs are settled.
#[test]
fn without_a_withdrawal_prefetched_jobs_stay_with_the_channel() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..30 {
            queue.push(job.to_string()).await.unwrap();
        }
        let ten = take(&queue, 10).await;
        for delivery in &ten {
            assert_eq!(settle(&queue, delivery, Settlement::Requeue).await, Settled::Done);
        }
        // The server sent ten more for the requeued ones, and delivers those to no other consumer.
        broker.wait_for(20).await;
        let ahead = queue.withdraw().await.unwrap();
        assert_eq!(ahead.len(), 10);
        assert_eq!(
            broker.ready(&broker.name).await,
            Some(20),
            "a cancelled subscription keeps its prefetched jobs"
        );
        for delivery in &ahead {
            assert_eq!(settle(&queue, delivery, Settlement::Requeue).await, Settled::Done);
        }
        assert_eq!(broker.ready(&broker.name).await, Some(30));
        queue.close().await.unwrap();
    });
}

#[test]
fn closing_requeues_unsettled_jobs() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..5 {
            queue.push(job.to_string()).await.unwrap();
        }
        let held = take(&queue, 5).await;
        queue.close().await.unwrap();
        // The response to the channel's close confirms it, so no wait is needed.
        assert_eq!(broker.ready(&broker.name).await, Some(5));
        assert_eq!(settle(&queue, &held[0], Settlement::Ack).await, Settled::Lost);
    });
}

/// Producers keep pushing while consumers stop.
#[test]
fn pushing_continues_after_a_close() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        queue.close().await.unwrap();
        queue.push("late").await.unwrap();
        assert_eq!(broker.ready(&broker.name).await, Some(1));
        queue.close().await.unwrap();
    });
}

/// Four producers push through the queue while it is closed repeatedly. Every push succeeds.
#[test]
fn closing_a_consumer_fails_no_concurrent_push() {
    Broker::with(async |broker| {
        let (queue, next, over) = (broker.open().await, AtomicU32::new(0), source());
        let end = over.token();
        let closing = async {
            for round in 0..ROUNDS {
                sleep(Duration::from_micros(700) * (round % 8)).await;
                queue.close().await.unwrap();
            }
            stop(&over);
        };
        let storm = || storm(&queue, &next, &end);
        tokio::join!(storm(), storm(), storm(), storm(), closing);
        let pushed = next.into_inner();
        assert!(pushed >= ROUNDS, "{pushed} pushed");
        assert_eq!(broker.ready(&broker.name).await, Some(pushed));
        queue.close().await.unwrap();
    });
}

// Connections that die.

/// Breaks the connection of a consumer with running jobs twenty times. Their receipts are lost, the queue reconnects, and
/// every job is done. No job whose settlement returned `Done` runs again.
#[test]
fn a_consumer_reconnects_and_loses_nothing() {
    Broker::with(async |broker| {
        let producer = broker.open().await;
        let wire = Wire::to(broker.address()).await;
        let queue = RabbitQueue::builder(&broker.name).url(wire.url()).open().await.unwrap();
        let mut done = BTreeSet::new();
        for round in 0..20_u32 {
            for job in 0..10 {
                producer.push((round * 10 + job).to_string()).await.unwrap();
            }
            let held = take(&queue, 6).await;
            for delivery in &held[..3] {
                assert_eq!(settle(&queue, delivery, Settlement::Ack).await, Settled::Done);
                assert!(done.insert(number(delivery)), "done twice");
            }
            wire.disconnect();
            while queue.fetch(6, &Stop::never()).await.is_ok() {}
            for delivery in &held[3..] {
                assert_eq!(settle(&queue, delivery, Settlement::Ack).await, Settled::Lost);
            }
            assert!(queue.push("nobody is there").await.is_err());
            wire.reconnect();
        }
        while done.len() < 200 {
            for delivery in queue.fetch(6, &Stop::never()).await.unwrap() {
                assert_eq!(settle(&queue, &delivery, Settlement::Ack).await, Settled::Done);
                assert!(done.insert(number(&delivery)), "done twice");
            }
        }
        queue.close().await.unwrap();
        assert_eq!(broker.ready(&broker.name).await, Some(0));
    });
}

#[test]
fn a_deleted_queue_is_an_error_and_is_recreated() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        let (channel, name) = (broker.channel().await, broker.name.as_str());
        let never = Stop::never();
        let fetching = queue.fetch(1, &never);
        let deleting = async {
            broker.wait_for_a_consumer().await;
            channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.unwrap();
        };
        let (fetched, ()) = tokio::join!(fetching, deleting);
        let error = fetched.unwrap_err();
        assert!(
            matches!(error.downcast_ref(), Some(RabbitQueueError::SubscriptionCancelled { .. })),
            "{error:?}"
        );
        let error = queue.push("nowhere").await.unwrap_err();
        assert!(matches!(error, RabbitQueueError::Unroutable { .. }), "{error:?}");
        queue.push("job").await.unwrap();
        let delivery = loop {
            match queue.fetch(1, &Stop::never()).await {
                Ok(mut fetched) => break fetched.remove(0),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        };
        assert_eq!(delivery.payload, b"job");
    });
}

#[test]
fn a_stop_ends_a_fetch_whose_server_does_not_respond() {
    Broker::with(async |broker| {
        let wire = Wire::to(broker.address()).await;
        let queue = RabbitQueue::builder(&broker.name).url(wire.url()).open().await.unwrap();
        wire.go_deaf();
        let raised = source();
        let token = raised.token();
        let stopping = async {
            // At any time: before or during the connection attempt.
            sleep(Duration::from_millis(200)).await;
            stop(&raised);
        };
        let (fetched, ()) = tokio::join!(queue.fetch(4, &token), stopping);
        assert!(fetched.unwrap().is_empty());
    });
}

/// The errors name the server and never contain the password.
#[tokio::test]
async fn open_errors_are_specific_and_never_contain_the_password() {
    let open = async |url: &str, name: &str| {
        let error = RabbitQueue::builder(name).url(url).open().await.unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let words = format!("{error} / {}", source.unwrap_or_default());
        assert!(!words.contains("secret"), "{words}");
        (error, words)
    };
    let (error, words) = open("http://guest:secret@127.0.0.1", "jobs").await;
    assert!(matches!(error, RabbitQueueError::Url { .. }), "{words}");
    let (error, words) = open("amqp://guest:secret@127.0.0.1:1/%2f", "jobs").await;
    assert!(matches!(error, RabbitQueueError::Connect { .. }) && words.contains("127.0.0.1:1"), "{words}");
    for name in ["", &"n".repeat(201)] {
        let (error, words) = open("amqp://guest:secret@127.0.0.1:1/%2f", name).await;
        assert!(matches!(error, RabbitQueueError::Name { .. }), "{words}");
    }
}

#[test]
fn a_running_job_is_settled_while_others_are_fetched_and_settled() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        queue.push("running").await.unwrap();
        let held = take_one(&queue).await;
        for _ in 0..10 {
            queue.push("other").await.unwrap();
        }
        for other in take(&queue, 10).await {
            assert_eq!(settle(&queue, &other, Settlement::Ack).await, Settled::Done);
        }
        assert_eq!(settle(&queue, &held, Settlement::Ack).await, Settled::Done);
    });
}
