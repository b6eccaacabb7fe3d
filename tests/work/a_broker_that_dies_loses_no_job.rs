//! The broker itself is killed at an arbitrary point and restarts on its data: while jobs are pushed and run, while the service
//! stops, and not before the service has exited. The outage is logged, the consumer reconnects, the deadline holds, and no job
//! is lost.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test, and what was seen until then is told"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide_demo::queue::QueueKind;
use ebbtide_tests::brokers::Broker;
use ebbtide_tests::jobs::{Bed, Entry, Journal, What, Wish, Worker, wall_clock};

const LONG: Duration = Duration::from_secs(90);
const LEASE: Duration = Duration::from_secs(6);
const AWAY: &str = "retrying until the queue is available";

/// The longest duration of a settlement on a busy machine, in milliseconds.
const UNDER_WAY: u128 = 3000;

/// Start and end of an outage, in milliseconds since 1970.
type Outage = (u128, u128);

fn done(bed: &Bed) -> usize {
    Journal::done(&bed.entries()).len()
}

/// Returns whether a consumer keeps its jobs across a restart of the broker. RabbitMQ redelivers them, and NATS may have lost
/// the record of the delivery.
fn keeps(kind: QueueKind) -> bool {
    matches!(kind, QueueKind::Postgres | QueueKind::Redis)
}

/// Returns whether no job is leased or waiting. A killed NATS server has lost the last acknowledgements: it redelivers those
/// jobs when their leases expire, and may count a removed one as leased. For NATS it is enough that all jobs are done.
fn is_settled(bed: &Bed) -> bool {
    let left = bed.left();
    left.is_none() || (bed.place().kind == QueueKind::Nats && left.dead_lettered == 0)
}

/// Asserts that every job was done. Only jobs that were in flight at the outage, or were pushed again because the first push
/// had an unknown result, may begin again.
fn none_lost(bed: &Bed, jobs: usize, outages: &[Outage], pushed_again: &BTreeSet<String>) {
    let entries = bed.entries();
    let times = Journal::begun(&entries);
    assert_eq!((times.len(), Journal::done(&entries).len()), (jobs, jobs), "lost");
    for (job, _) in times.iter().filter(|(job, times)| **times > 1 && !pushed_again.contains(*job)) {
        let first = |what| {
            let found = entries.iter().find(|entry| entry.what == what && entry.job == *job);
            found.map_or(u128::MAX, |entry| entry.at)
        };
        let in_flight =
            |(from, to): &Outage| first(What::Begun) <= *to && first(What::Done) + UNDER_WAY >= *from;
        assert!(outages.iter().any(in_flight), "{job} began again, and was not in flight: {outages:?}");
    }
    assert!(is_settled(bed), "{:?}", bed.left());
}

/// The broker is killed and restarts while jobs are pushed and run. The same process continues.
fn during_work(broker: &mut Broker) {
    const JOBS: u32 = 300;
    let bed = Bed::on(broker, LEASE);
    let wish = Wish { concurrency: 8, ..Wish::of(Duration::from_millis(100)) };
    let mut outages = Vec::new();
    std::thread::scope(|threads| {
        let pushing = threads.spawn(|| bed.push_until_taken(0..JOBS, 50));
        let mut worker = Worker::start(&bed, &wish);
        for round in 1..=2 {
            bed.until("the worker has done some jobs", LONG, |bed| done(bed) >= 50 * round);
            let from = wall_clock();
            broker.kill();
            assert!(round > 1 || !pushing.is_finished(), "no job is pushed during the outage");
            bed.until("the outage is logged", LONG, |_| {
                worker.process.output().matches(AWAY).count() >= round
            });
            bed.until("the running jobs are done", LONG, |bed| {
                Journal::held(&bed.entries(), worker.pid()).is_empty()
            });
            broker.start_again();
            outages.push((from, wall_clock()));
        }
        let pushed_again = pushing.join().expect("all jobs are pushed");
        bed.until("every job is done", LONG, |bed| done(bed) == JOBS as usize);
        bed.until("and settled", LONG, is_settled);
        worker.terminate();
        let ended = worker.ended(LONG);
        ended.code(0).said("queue is available again");
        asked_with_backoff(&ended.output);
        none_lost(&bed, JOBS as usize, &outages, &pushed_again);
    });
}

/// Asserts that an unavailable broker is retried with backoff, not continuously.
fn asked_with_backoff(output: &str) {
    let asked = output.split("failures=").skip(1).map(|rest| rest.split(' ').next().unwrap_or_default());
    let asked: Vec<u32> = asked.map(|asked| asked.parse().expect("a number")).collect();
    assert!(!asked.is_empty() && asked.iter().all(|asked| *asked < 100), "too many attempts: {asked:?}");
}

/// Creates a queue and restarts RabbitMQ: a server that is killed soon after a queue's declaration may lose the queue and all
/// its confirmed messages.
fn settled_bed(broker: &mut Broker, lease: Duration) -> Bed {
    let bed = Bed::on(broker, lease);
    if broker.kind() == QueueKind::Rabbitmq {
        broker.restart();
    }
    bed
}

/// The broker is killed after the signal and restarts before the deadline.
fn during_a_stop(broker: &mut Broker) {
    let bed = settled_bed(broker, LEASE * 4);
    let wish = Wish { concurrency: 8, grace: LEASE * 4, ..Wish::of(Duration::from_secs(2)) };
    (0..8).for_each(|job| bed.push(&job.to_string()));
    let mut worker = Worker::start(&bed, &wish);
    bed.until("all its slots are busy", LONG, |bed| Journal::begun(&bed.entries()).len() == 8);
    worker.terminate();
    worker.process.says("SIGTERM received");
    let from = wall_clock();
    broker.kill();
    let gone = wall_clock();
    bed.until("the running jobs are done", LONG, |bed| done(bed) == 8);
    broker.start_again();
    let outage = (from, wall_clock());
    worker.ended(wish.grace).code(0);
    if keeps(broker.kind()) {
        return none_lost(&bed, 8, &[], &BTreeSet::new());
    }
    the_next_one_does(&bed, &wish, 8, gone);
    none_lost(&bed, 8, &[outage], &BTreeSet::new());
}

/// The broker is killed after the signal and restarts when the process has exited, in time. The next process runs the jobs
/// that were not settled.
fn for_good(broker: &mut Broker) {
    let bed = settled_bed(broker, LEASE);
    let grace = Duration::from_secs(4);
    let wish = Wish { concurrency: 8, grace, ..Wish::of(Duration::from_secs(1)) };
    (0..12).for_each(|job| bed.push(&job.to_string()));
    let mut worker = Worker::start(&bed, &wish);
    bed.until("all its slots are busy", LONG, |bed| Journal::begun(&bed.entries()).len() == 8);
    let from = wall_clock();
    worker.terminate();
    broker.kill();
    let gone = wall_clock();
    let ended = worker.ended(grace);
    if broker.kind() == QueueKind::Rabbitmq {
        ended.code(0).said("it will be run again");
    } else {
        ended.code(3).said("job not settled before the deadline");
    }
    broker.start_again();
    let outage = (from, wall_clock());
    the_next_one_does(&bed, &wish, 12, gone);
    none_lost(&bed, 12, &[outage], &BTreeSet::new());
}

/// Runs the next process until no unsettled job is left. RabbitMQ does not count leased jobs, so at least the jobs that the
/// first process finished after the kill (`gone`) must run again.
fn the_next_one_does(bed: &Bed, wish: &Wish, jobs: usize, gone: u128) {
    let unsettled = |entries: Vec<Entry>| {
        entries.iter().filter(|entry| entry.what == What::Done && entry.at >= gone).count()
    };
    let in_hand = if bed.place().kind == QueueKind::Rabbitmq { unsettled(bed.entries()) } else { 0 };
    let runs = |bed: &Bed| Journal::done(&bed.entries()).values().map(|times| *times as usize).sum::<usize>();
    let mut next = Worker::start(bed, wish);
    let mut last = (0, 0);
    bed.until("every job is done and settled", LONG, |bed| {
        let seen = (done(bed), runs(bed));
        if seen != last {
            println!("{} of {jobs} done, in {} runs; at least {} are needed", seen.0, seen.1, jobs + in_hand);
            last = seen;
        }
        seen.0 == jobs && seen.1 >= jobs + in_hand && is_settled(bed)
    });
    next.terminate();
    next.ended(LONG).code(0);
}

fn every_death(kind: QueueKind) {
    let mut broker = Broker::start(kind);
    during_work(&mut broker);
    during_a_stop(&mut broker);
    for_good(&mut broker);
}

#[test]
fn on_postgres() {
    every_death(QueueKind::Postgres);
}

#[test]
fn on_redis() {
    every_death(QueueKind::Redis);
}

#[test]
fn on_rabbitmq() {
    every_death(QueueKind::Rabbitmq);
}

#[test]
fn on_nats() {
    every_death(QueueKind::Nats);
}
