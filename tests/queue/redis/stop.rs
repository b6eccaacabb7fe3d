//! A stopped consumer leaves no job pending and loses none, whatever was in progress.

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide::drain::Stop;
use ebbtide::queue::{Queue, Settled, Settlement};
use ebbtide_redis::RedisQueue;

use super::place::{GROUP, Place};
use crate::server::Server;
use crate::support::{self, consume_until_stopped, fetch, next, source, stop};

pub(super) const ROUNDS: u32 = 150;

/// Pushes jobs until a stop, and returns their number.
pub(super) async fn storm(queue: &RedisQueue, until: &Stop) -> u32 {
    let mut pushed = 0;
    while !until.is_stopping() {
        queue.push(pushed.to_string()).await.unwrap();
        pushed += 1;
        // Slow enough that reads block now and then.
        tokio::time::sleep(Duration::from_micros(u64::from(pushed % 7) * 100)).await;
    }
    pushed
}

/// Returns the length of a round. The lengths cover the time of a push, a read and its response.
pub(super) fn moment(round: u32) -> Duration {
    Duration::from_micros(u64::from(round) * 37 % 4000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_a_storm_of_pushes_leaves_nothing_pending_and_loses_nothing() {
    let place = Place::new();
    let producer = place.open().await;
    let over = source();
    let token = over.token();
    let rounds = async {
        let mut done = Vec::new();
        for round in 0..ROUNDS {
            let finished = consume_until_stopped(place.open().await, moment(round)).await;
            done.extend(finished.into_iter().map(|job| job.payload));
            assert_eq!(place.pending().await, 0, "in round {round}");
            assert_eq!(place.consumers().await, [] as [String; 0], "in round {round}");
        }
        stop(&over);
        done
    };
    let (mut done, pushed) = tokio::join!(rounds, storm(&producer, &token));
    let waiting = usize::try_from(producer.counts().await.unwrap().waiting).unwrap();
    while done.len() < usize::try_from(pushed).unwrap() {
        for job in fetch(&producer, 100).await {
            assert_eq!(producer.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
            done.push(job.payload);
        }
    }
    let different: BTreeSet<&Vec<u8>> = done.iter().collect();
    assert_eq!((different.len(), done.len()), (pushed as usize, pushed as usize), "{waiting} were left");
    assert_eq!(producer.counts().await.unwrap().waiting, 0);
}

/// The opposite: a consumer drops its read at the stop, as is usual with futures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opposite_a_dropped_read_leaves_jobs_pending() {
    let place = Place::new();
    let producer = place.open().await;
    let over = source();
    let token = over.token();
    let rounds = async {
        for round in 0..ROUNDS {
            let mut connection = place.connection().await;
            let mut command = redis::cmd("XREADGROUP");
            command.arg("GROUP").arg(GROUP).arg("dropped").arg("BLOCK").arg(1000);
            command.arg("STREAMS").arg(&place.name).arg(">");
            let reading = async {
                loop {
                    let read: redis::Value = command.query_async(&mut connection).await.unwrap();
                    let mut acknowledge = redis::cmd("XACK");
                    acknowledge.arg(&place.name).arg(GROUP).arg(ids(read));
                    assert!(acknowledge.query_async::<u64>(&mut connection).await.unwrap() > 0);
                }
            };
            let _dropped = tokio::time::timeout(moment(round), reading).await;
        }
        stop(&over);
    };
    tokio::join!(rounds, storm(&producer, &token));
    assert!(place.pending().await > 0, "no dropped read left a job pending; the test is inconclusive");
}

fn ids(read: redis::Value) -> Vec<String> {
    type Streams = Vec<(String, Vec<(String, Vec<Vec<u8>>)>)>;
    let streams: Option<Streams> = redis::from_redis_value(read).unwrap();
    streams.into_iter().flatten().flat_map(|(_, entries)| entries).map(|(id, _)| id).collect()
}

#[tokio::test]
async fn a_fetch_that_waits_ends_with_the_stop_at_once() {
    let place = Place::new();
    let queue = place.open().await;
    support::a_fetch_that_waits_ends_with_the_stop_at_once(&queue).await;
}

#[tokio::test]
async fn jobs_in_a_response_that_never_arrived_are_withdrawn() {
    let place = Place::new();
    let queue = place.open().await;
    queue.push("held").await.unwrap();
    let held = next(&queue).await;
    let id = queue.push("swallowed").await.unwrap();
    let consumers = place.consumers().await;
    let mut command = redis::cmd("XREADGROUP");
    command.arg("GROUP").arg(GROUP).arg(&consumers).arg("STREAMS").arg(&place.name).arg(">");
    command.query_async::<redis::Value>(&mut place.connection().await).await.unwrap();
    assert_eq!((consumers.len(), place.pending().await), (1, 2));

    let withdrawn = queue.withdraw().await.unwrap();
    let jobs: Vec<_> = withdrawn.iter().map(|job| (&*job.id, &*job.payload, job.attempt)).collect();
    assert_eq!(jobs, [(&*id, b"swallowed".as_slice(), 1)]);
    for job in withdrawn.iter().chain([&held]) {
        assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    queue.close().await.unwrap();
    assert_eq!((place.pending().await, place.consumers().await.len()), (0, 0));
}

/// A job that is delivered to the read of a dropped fetch is found as well.
#[tokio::test]
async fn a_fetch_that_is_dropped_leaves_nothing_behind_the_withdrawal() {
    let server = Server::redis(&["--save", ""]).await;
    let place = Place::at(server.url("redis"));
    let queue = place.open().await;
    for _ in 0..3 {
        let never = Stop::never();
        tokio::select! {
            fetched = queue.fetch(1, &never) => panic!("there is nothing to fetch: {fetched:?}"),
            () = place.wait_for_blocked(1) => {}
        }
        let id = queue.push("job").await.unwrap();
        for job in queue.withdraw().await.unwrap() {
            assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
        }
        assert_eq!(place.pending().await, 0);
        let job = next(&queue).await;
        assert_eq!((&*job.id, job.attempt), (&*id, 1));
        assert_eq!(queue.settle(&job.receipt, Settlement::Ack).await.unwrap(), Settled::Done);
    }
}

#[tokio::test]
async fn a_consumer_name_with_pending_jobs_is_not_deleted() {
    let place = Place::new();
    let lease = Duration::from_millis(200);
    let queue = place.open_short(lease).await;
    let id = queue.push("job").await.unwrap();
    let job = next(&queue).await;
    let left = queue.close().await.unwrap_err();
    assert!(left.to_string().contains("1 still pending"), "{left}");
    assert_eq!(place.consumers().await.len(), 1);
    let other = place.open_short(lease).await;
    let again = next(&other).await;
    assert_eq!((again.id, again.attempt, job.attempt), (id, 2, 1));
}

/// If the blocking read cannot be unblocked, it ends at its timeout, and no job stays pending either.
#[tokio::test]
async fn without_permission_to_unblock_the_shutdown_waits_for_the_blocking_read() {
    let server = Server::redis(&["--save", ""]).await;
    let admin = Place::at(server.url("redis"));
    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg("worker").arg(&["on", ">secret", "~*", "+@all", "-client|unblock"]);
    acl.query_async::<()>(&mut admin.connection().await).await.unwrap();
    let place =
        Place { name: admin.name.clone(), url: server.url("redis").replace("//", "//worker:secret@") };
    let queue = place.open().await;
    let source = source();
    let token = source.token();
    let stopping = async {
        admin.wait_for_blocked(1).await;
        stop(&source);
        queue.push("late").await.unwrap();
    };
    let (taken, ()) = tokio::join!(queue.fetch(1, &token), stopping);
    let taken = taken.unwrap();
    assert_eq!(taken.len(), usize::try_from(place.pending().await).unwrap());
    for job in &taken {
        assert_eq!(queue.settle(&job.receipt, Settlement::Requeue).await.unwrap(), Settled::Done);
    }
    queue.close().await.unwrap();
    assert_eq!(admin.pending().await, 0);
}
