//! Prefetch: jobs that are read in the round trip that acknowledges others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ebbtide::queue::{Consumer, Delivery, Queue, Settled, Settlement};
use ebbtide_redis::{RedisQueue, RedisQueueError, RedisReceipt};
use redis::aio::MultiplexedConnection;
use tokio::time::{sleep, timeout};

use super::place::{Place, info};
use super::stop::{ROUNDS, moment, storm};
use crate::server::Server;
use crate::support::{fetch_all, next, source, stop};

const PLACES: usize = 5;

async fn with_one_of_two(queue: &RedisQueue) -> Delivery<RedisReceipt> {
    for payload in ["first", "second"] {
        queue.push(payload).await.unwrap();
    }
    next(queue).await
}

async fn ack(queue: &RedisQueue, job: &Delivery<RedisReceipt>) {
    assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
}

/// Acknowledges the first of two jobs, so that the second is prefetched.
async fn read_one_ahead(place: &Place, queue: &RedisQueue) {
    let mut tries = 0;
    loop {
        let first = with_one_of_two(queue).await;
        assert!(queue.prefetch(true));
        ack(queue, &first).await;
        if place.pending().await == 1 {
            return;
        }
        // The machine stalled: the search for abandoned jobs was due, and comes first.
        ack(queue, &next(queue).await).await;
        tries += 1;
        assert!(tries < 10, "no job was prefetched");
    }
}

#[tokio::test]
async fn an_acknowledgement_prefetches_the_next_job() {
    let place = Place::new();
    let queue = place.open().await;
    read_one_ahead(&place, &queue).await;
    assert_eq!((place.pending().await, queue.counts().await.unwrap().waiting), (1, 0));
    let second = next(&queue).await;
    assert_eq!((&*second.payload, second.attempt), (b"second".as_slice(), 1));
    ack(&queue, &second).await;
    assert_eq!(queue.counts().await.unwrap(), Default::default());
}

#[tokio::test]
async fn without_prefetch_no_consumer_reads_ahead() {
    let place = Place::new();
    let queue = place.open().await;
    let first = with_one_of_two(&queue).await;
    queue.prefetch(true);
    assert!(!queue.prefetch(false));
    ack(&queue, &first).await;
    assert_eq!((place.pending().await, queue.counts().await.unwrap().waiting), (0, 1));
}

/// The opposite of the withdrawal. The storm below and the conformance suite test that as well, but there it depends on timing.
#[tokio::test]
async fn prefetched_jobs_that_are_not_withdrawn_stay_leased() {
    let place = Place::new();
    let queue = place.open().await;
    read_one_ahead(&place, &queue).await;
    let left = queue.close().await.unwrap_err();
    assert!(matches!(left.downcast_ref(), Some(RedisQueueError::Pending(1))), "{left:?}");
    assert_eq!(place.pending().await, 1);
}

#[tokio::test]
async fn a_job_prefetched_long_ago_is_left_to_its_lease_and_redelivered() {
    let place = Place::new();
    let lease = Duration::from_millis(600);
    let queue = place.open_short(lease).await;
    read_one_ahead(&place, &queue).await;
    sleep(lease).await;
    let second = next(&queue).await;
    assert_eq!((&*second.payload, second.attempt), (b"second".as_slice(), 2));
    ack(&queue, &second).await;
    assert_eq!(queue.counts().await.unwrap(), Default::default());
}

/// The pending jobs in Redis show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_jobs_are_leased_than_can_run() {
    const JOBS: usize = 500;
    let place = Arc::new(Place::new());
    let queue = place.open().await;
    for n in 0..JOBS {
        queue.push(n.to_string()).await.unwrap();
    }
    let (source, most) = (Arc::new(source()), Arc::new(Mutex::new((0, 0))));
    let token = source.token();
    let (seen, ending, peers) = (Arc::clone(&most), Arc::clone(&source), Arc::clone(&place));
    let consumer = Consumer::new("places", queue, PLACES, move |_job, _stop| {
        let (seen, ending, place) = (Arc::clone(&seen), Arc::clone(&ending), Arc::clone(&peers));
        async move {
            let pending = place.pending().await;
            let mut seen = seen.lock().unwrap();
            *seen = (seen.0 + 1, seen.1.max(pending));
            if seen.0 == JOBS {
                stop(&ending);
            }
            Ok(())
        }
    });
    let tally = consumer.run(token).await;
    let (ran, most) = *most.lock().unwrap();
    assert_eq!((ran, tally.acked, most), (JOBS, 500, 5));
    assert_eq!(place.pending().await, 0);
}

/// Consumers stop one after the other, at different times in a storm of pushes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_stops_in_a_storm_leaves_no_prefetched_job_leased() {
    let place = Place::new();
    let producer = place.open().await;
    let (over, ran) = (source(), Arc::new(Mutex::new(BTreeMap::<Vec<u8>, u32>::new())));
    let token = over.token();
    let rounds = async {
        let mut left = 0;
        for round in 0..ROUNDS {
            let (queue, ran, source) = (place.open().await, Arc::clone(&ran), source());
            let consumer = Consumer::new("storm", queue, PLACES, move |job, _stop| {
                *ran.lock().unwrap().entry(job.payload().to_vec()).or_default() += 1;
                std::future::ready(Ok(()))
            });
            let stopping = async {
                sleep(moment(round)).await;
                stop(&source);
            };
            let (tally, ()) = tokio::join!(consumer.run(source.token()), stopping);
            assert_eq!((tally.unsettled.len(), tally.lost), (0, 0), "in round {round}: {tally:?}");
            left += u32::from(place.pending().await > 0);
        }
        stop(&over);
        left
    };
    let (left, pushed) = tokio::join!(rounds, storm(&producer, &token));
    assert_eq!(left, 0, "rounds that left a job pending");
    let waiting = usize::try_from(producer.counts().await.unwrap().waiting).unwrap();
    let rest = fetch_all(&producer, waiting).await;
    let mut ran = std::mem::take(&mut *ran.lock().unwrap());
    let once = ran.values().filter(|times| **times == 1).count();
    assert_eq!(once, ran.len(), "jobs that ran twice");
    for job in rest {
        assert_eq!((ran.insert(job.payload, 1), job.attempt), (None, 1));
    }
    assert_eq!(ran.len(), usize::try_from(pushed).unwrap());
}

async fn tell(connection: &MultiplexedConnection, words: &[&str]) -> redis::Value {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async(&mut connection.clone()).await.unwrap()
}

/// The acknowledgement prefetches the last job, and the read behind it finds none. Without an unblock it would wait for its
/// whole timeout, although the consumer already has the job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_blocks_is_ended_when_a_job_has_been_read_ahead() {
    let server = Server::redis(&["--save", ""]).await;
    let place = Place::at(server.url("redis"));
    let (admin, ends) = (place.connection().await, "cmdstat_client|unblock:calls=");
    let mut rounds = 0;
    // If the machine stalls for a second, the fetch searches for abandoned jobs first.
    while info(&admin, "commandstats", ends).await == 0 {
        rounds += 1;
        assert!(rounds < 10, "no read was unblocked");
        let queue = place.open().await;
        let first = with_one_of_two(&queue).await;
        queue.prefetch(true);
        tell(&admin, &["CLIENT", "PAUSE", "60000", "WRITE"]).await;
        let waiting = async |count| {
            let all_wait = async {
                while info(&admin, "clients", "blocked_clients:").await < count {
                    tokio::task::yield_now().await;
                }
            };
            let _ = timeout(Duration::from_millis(500), all_wait).await;
        };
        let fetching = async {
            waiting(1).await;
            next(&queue).await
        };
        let resuming = async {
            waiting(2).await;
            tell(&admin, &["CLIENT", "UNPAUSE"]).await;
        };
        let ((), second, ()) = tokio::join!(ack(&queue, &first), fetching, resuming);
        assert_eq!(&*second.payload, b"second");
        ack(&queue, &second).await;
        queue.close().await.unwrap();
    }
}
