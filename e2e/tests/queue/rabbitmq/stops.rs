//! When a consumer has stopped nothing is left with it, and nothing is lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ebbtide::Stop;
use ebbtide::queue::{Queue as _, Settled, Settlement};
use ebbtide_rabbitmq::RabbitQueue;

use super::Broker;
use super::broker::{ack, number, settle, take};
use crate::support::{source, stop};

const ROUNDS: u32 = 40;

/// Pushes until it is told to end, and returns how many were pushed.
async fn storm(queue: &RabbitQueue, next: &AtomicU32, end: &Stop) {
    while !end.is_stopping() {
        let job = next.fetch_add(1, Ordering::Relaxed);
        queue.push(job.to_string()).await.unwrap();
    }
}

/// Forty consumers one after the other, each stopped at another moment under a storm of four producers. Every third job
/// is in hand at the stop and is handed back.
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
                            assert_eq!(delivery.attempt, 1, "handed back and counted");
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
                    tokio::time::sleep(Duration::from_millis(5 + u64::from(round) * 3)).await;
                    stop(&raised);
                };
                tokio::join!(fetching, stopping);
                let ahead = queue.withdraw().await.unwrap();
                for delivery in held.iter().chain(&ahead) {
                    assert_eq!(settle(&queue, delivery, Settlement::HandBack).await, Settled::Done);
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
        // Nothing is unsettled anywhere: what is not done is ready, to the last job.
        let left = pushed - u32::try_from(done.len()).unwrap();
        assert_eq!(broker.ready(&broker.name).await, Some(left));
        let queue = broker.open().await;
        for delivery in take(&queue, left as usize).await {
            assert_eq!(delivery.attempt, 1);
            assert!(done.insert(number(&delivery)), "done and delivered again");
        }
        assert_eq!(done, (0..pushed).collect::<BTreeSet<_>>());
        assert!(pushed > ROUNDS * 20, "only {pushed} jobs in {ROUNDS} rounds are no storm");
    });
}

/// The opposite: what was sent ahead stays with the channel when nobody withdraws it, though all that was fetched is settled.
#[test]
fn without_a_withdrawal_what_was_sent_ahead_stays_with_the_channel() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..30 {
            queue.push(job.to_string()).await.unwrap();
        }
        let ten = take(&queue, 10).await;
        for delivery in &ten {
            assert_eq!(settle(&queue, delivery, Settlement::HandBack).await, Settled::Done);
        }
        // Ten more were sent for those that were handed back, and nobody else gets them.
        broker.wait_for(20).await;
        let ahead = queue.withdraw().await.unwrap();
        assert_eq!(ahead.len(), 10);
        assert_eq!(
            broker.ready(&broker.name).await,
            Some(20),
            "a cancelled subscription keeps what it was sent"
        );
        for delivery in &ahead {
            assert_eq!(settle(&queue, delivery, Settlement::HandBack).await, Settled::Done);
        }
        assert_eq!(broker.ready(&broker.name).await, Some(30));
        queue.close().await.unwrap();
    });
}

#[test]
fn closing_gives_back_what_nobody_settled() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        for job in 0..5 {
            queue.push(job.to_string()).await.unwrap();
        }
        let held = take(&queue, 5).await;
        queue.close().await.unwrap();
        // The channel's answer says so: there is nothing to wait for.
        assert_eq!(broker.ready(&broker.name).await, Some(5));
        assert_eq!(settle(&queue, &held[0], Settlement::Ack).await, Settled::Lost);
    });
}

/// Those who push go on while others stop.
#[test]
fn pushing_goes_on_after_a_close() {
    Broker::with(async |broker| {
        let queue = broker.open().await;
        queue.close().await.unwrap();
        queue.push("late").await.unwrap();
        assert_eq!(broker.ready(&broker.name).await, Some(1));
        queue.close().await.unwrap();
    });
}

/// Nobody who pushes is cut off by a consumer that stops: four go on pushing while it is closed again and again.
#[test]
fn a_close_lets_those_who_push_end_first() {
    Broker::with(async |broker| {
        let (queue, next, over) = (broker.open().await, AtomicU32::new(0), source());
        let end = over.token();
        let closing = async {
            for round in 0..ROUNDS {
                tokio::time::sleep(Duration::from_micros(700) * (round % 8)).await;
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
