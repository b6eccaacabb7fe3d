//! The broker becomes unavailable and returns, while jobs run and while the service stops. The outage is logged, the consumer
//! reconnects, the deadline holds, and no job is lost.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use ebbtide_demo::queue::QueueKind;
use ebbtide_tests::jobs::{Bed, Journal, Wish, Worker, on_each};

const LONG: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(4);
const NETWORKED: [QueueKind; 4] =
    [QueueKind::Postgres, QueueKind::Redis, QueueKind::Rabbitmq, QueueKind::Nats];

fn done(bed: &Bed) -> usize {
    Journal::done(&bed.entries()).len()
}

fn twice(bed: &Bed) -> usize {
    Journal::done(&bed.entries()).values().filter(|times| **times == 2).count()
}

/// Returns whether a consumer keeps its jobs when its connection breaks. RabbitMQ redelivers them at once.
fn keeps(kind: QueueKind) -> bool {
    kind != QueueKind::Rabbitmq
}

/// The log line for a job that is done while the broker is unavailable.
fn told(kind: QueueKind) -> &'static str {
    if keeps(kind) { "retrying until the queue is available" } else { "it will be run again" }
}

fn all_once_or_in_flight(bed: &Bed, jobs: usize, in_flight: usize) {
    let entries = bed.entries();
    let again = Journal::begun(&entries).values().filter(|times| **times > 1).count();
    assert_eq!(Journal::done(&entries).len(), jobs, "lost");
    assert!(again <= in_flight, "{again} jobs began again, but at most {in_flight} were in flight");
    assert!(bed.left().is_none(), "{:?}", bed.left());
}

/// The broker is unavailable twice while jobs run.
fn during_work(kind: QueueKind) {
    let bed = Bed::fresh(kind, LEASE);
    let (relay, url) = bed.relay();
    let wish = Wish { concurrency: 8, url: Some(url), ..Wish::of(Duration::from_millis(100)) };
    std::thread::scope(|threads| {
        let pushing = threads.spawn(|| bed.push_evenly(0..300, 50));
        let mut worker = Worker::start(&bed, &wish);
        for round in 1..=2 {
            bed.until("the worker has done some jobs", LONG, |bed| done(bed) >= 60 * round);
            bed.runs(relay.disconnect());
            worker.process.says("retrying until the queue is available");
            bed.until("the running jobs are done", LONG, |bed| {
                Journal::held(&bed.entries(), worker.pid()).is_empty()
            });
            bed.runs(relay.reconnect()).expect("the port is still free");
        }
        pushing.join().expect("all jobs are pushed");
        bed.until("every job is done", LONG, |bed| done(bed) == 300);
        bed.until("and settled", LONG, |bed| bed.left().is_none());
        worker.terminate();
        worker.ended(LONG).code(0).said("queue is available again");
    });
    // At each of the two outages up to eight jobs ran, and as many more may have been fetched.
    all_once_or_in_flight(&bed, 300, 2 * 2 * wish.concurrency);
}

/// The broker is unavailable from the signal on, and returns before the deadline.
fn during_a_stop(kind: QueueKind) {
    let bed = Bed::fresh(kind, LEASE * 3);
    let (relay, url) = bed.relay();
    let wish = Wish { concurrency: 8, url: Some(url), ..Wish::of(Duration::from_secs(1)) };
    (0..8).for_each(|job| bed.push(&job.to_string()));
    let mut worker = Worker::start(&bed, &wish);
    bed.until("all its slots are busy", LONG, |bed| Journal::begun(&bed.entries()).len() == 8);
    worker.terminate();
    worker.process.says("SIGTERM received");
    bed.runs(relay.disconnect());
    bed.until("the running jobs are done", LONG, |bed| done(bed) == 8);
    worker.process.says(told(kind));
    bed.runs(relay.reconnect()).expect("the port is still free");
    worker.ended(wish.grace).code(0);
    if keeps(kind) {
        return all_once_or_in_flight(&bed, 8, 0);
    }
    let mut next = Worker::start(&bed, &Wish { url: None, ..wish });
    bed.until("the next worker runs them again", LONG, |bed| twice(bed) == 8 && bed.left().is_none());
    next.terminate();
    next.ended(LONG).code(0);
    all_once_or_in_flight(&bed, 8, 8);
}

/// The broker is unavailable from the signal on and does not return. The process exits in time, and the next one runs its jobs.
fn for_good(kind: QueueKind) {
    let bed = Bed::fresh(kind, LEASE);
    let (relay, url) = bed.relay();
    let grace = Duration::from_secs(4);
    let wish = Wish { concurrency: 8, grace, url: Some(url), ..Wish::of(Duration::from_secs(1)) };
    (0..12).for_each(|job| bed.push(&job.to_string()));
    let mut worker = Worker::start(&bed, &wish);
    bed.until("all its slots are busy", LONG, |bed| Journal::begun(&bed.entries()).len() == 8);
    bed.runs(relay.disconnect());
    worker.terminate();
    if keeps(kind) {
        worker.ended(grace).code(3).said("job not settled before the deadline");
    } else {
        worker.ended(grace).code(0).said(told(kind)).said("redelivered=8");
    }
    let mut next = Worker::start(&bed, &Wish { url: None, ..wish.clone() });
    bed.until("every job is done and settled", LONG, |bed| done(bed) == 12 && bed.left().is_none());
    next.terminate();
    next.ended(LONG).code(0);
    all_once_or_in_flight(&bed, 12, 8);
}

#[test]
fn the_broker_fails_while_jobs_run() {
    on_each(NETWORKED, during_work);
}

#[test]
fn the_broker_fails_during_the_shutdown() {
    on_each(NETWORKED, during_a_stop);
}

#[test]
fn the_broker_fails_permanently_during_the_shutdown() {
    on_each(NETWORKED, for_good);
}
