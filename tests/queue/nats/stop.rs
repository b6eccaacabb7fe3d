//! A stopped consumer leaves no job outstanding and loses none, whatever was in progress.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide_nats::NatsQueue;
use futures_util::StreamExt as _;

use super::place::Place;
use crate::support::{self, consume_until_stopped, fetch, fetch_for, now, source, stop};

/// Each round takes as long as the server keeps a request.
const ROUNDS: u32 = 25;

/// The number of concurrent consumers, each with a separate stop.
const AT_ONCE: u32 = 4;

async fn storm(queue: &NatsQueue, until: &Stop) -> u32 {
    let mut pushed = 0;
    while !until.is_stopping() {
        queue.push(pushed.to_string()).await.unwrap();
        pushed += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    pushed
}

fn moment(round: u32) -> Duration {
    Duration::from_micros(u64::from(round) * 337 % 20_000)
}

async fn consume(place: &Place, round: u32) -> Vec<Vec<u8>> {
    let done = consume_until_stopped(place.open().await, moment(round)).await;
    assert!(done.iter().all(|job| job.attempt == 1), "a requeue counted as an attempt");
    done.into_iter().map(|job| job.payload).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_a_storm_of_pushes_leaves_nothing_outstanding_and_loses_nothing() {
    let place = Place::new().await;
    let producer = place.open().await;
    let over = source();
    let token = over.token();
    let rounds = async {
        let mut done = Vec::new();
        for round in 0..ROUNDS {
            let several = (0..AT_ONCE).map(|n| consume(&place, round * AT_ONCE + n));
            done.extend(futures_util::future::join_all(several).await.concat());
            assert_eq!(place.outstanding().await, 0, "in round {round}");
        }
        stop(&over);
        done
    };
    let (mut done, pushed) = tokio::join!(rounds, storm(&producer, &token));
    // No job may wait for its lease of half a minute to expire.
    let began = now();
    while done.len() < usize::try_from(pushed).unwrap() {
        for job in fetch(&producer, 100).await {
            assert_eq!(producer.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
            done.push(job.payload);
        }
        assert!(began.elapsed() < Duration::from_secs(25));
    }
    let different: BTreeSet<&Vec<u8>> = done.iter().collect();
    assert_eq!((different.len(), done.len()), (pushed as usize, pushed as usize));
    assert_eq!(place.messages().await, 0);
}

/// The opposite: a consumer drops its request at the stop and acknowledges every job that it received.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_dropped_request_leaves_jobs_outstanding() {
    let place = Place::new().await;
    let producer = place.open().await;
    let over = source();
    let token = over.token();
    let rounds = async {
        for round in 0..ROUNDS * AT_ONCE {
            let consumer: PullConsumer =
                place.context.get_consumer_from_stream(&*place.name, &*place.name).await.unwrap();
            let asking = consumer.batch().max_messages(3).expires(Duration::from_secs(1));
            let mut jobs = asking.messages().await.unwrap();
            let reading = async {
                while let Some(job) = jobs.next().await {
                    job.unwrap().double_ack().await.unwrap();
                }
            };
            let _dropped = tokio::time::timeout(moment(round), reading).await;
        }
        stop(&over);
    };
    tokio::join!(rounds, storm(&producer, &token));
    assert!(
        place.outstanding().await > 0,
        "no dropped request left a job outstanding; the test is inconclusive"
    );
}

#[tokio::test]
async fn a_fetch_that_waits_ends_with_the_stop_at_once() {
    let place = Place::new().await;
    let queue = place.open().await;
    support::a_fetch_that_waits_ends_with_the_stop_at_once(&queue).await;
}

/// A job delivered for a request whose fetch was stopped or dropped is withdrawn, and no more jobs come than were requested.
#[tokio::test]
async fn jobs_delivered_after_the_stop_are_withdrawn() {
    let place = Place::new().await;
    let queue = place.open().await;
    for dropped in [false, true] {
        if dropped {
            let waiting =
                tokio::time::timeout(Duration::from_millis(50), queue.fetch(2, &Stop::never())).await;
            assert!(waiting.is_err());
        } else {
            assert_eq!(fetch_for(&queue, Duration::from_millis(50)).await, []);
        }
        let id = queue.push("late").await.unwrap();
        let withdrawn = queue.withdraw().await.unwrap();
        assert_eq!(withdrawn.iter().map(|job| &*job.id).collect::<Vec<_>>(), [&*id]);
        for job in &withdrawn {
            assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
        }
    }
    assert_eq!((place.outstanding().await, place.messages().await), (0, 0));
}
