//! Deploys and a SIGKILL while jobs wait and more arrive: every job is done once, and only what the killed process had in
//! flight is begun twice.
//!
//! Workers are killed repeatedly at random times: during start-up, fetches, jobs, settlements and stops. Every job is done
//! in the end.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test, and the seed is told"
)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ebbtide_demo::queue::{Left, QueueKind};
use ebbtide_tests::jobs::{Bed, Journal, Manner, What, Wish, Worker, on_each};
use fastrand::Rng;
use rustix::process::Signal;

// Deploys, and a SIGKILL.

const LONG: Duration = Duration::from_secs(120);

/// Whether jobs are lost does not depend on it: on a busy machine a broker may need many seconds for its answers.
const GRACE: Duration = Duration::from_secs(60);

/// Jobs of three seconds each, of which twenty run at a time. Most are there before the first worker, so that every stop finds a
/// backlog however slow the broker is, and the rest arrive during the deploys.
const JOBS: u32 = 240;
const FIRST_JOBS: u32 = 180;
const PLACES: usize = 20;
const PER_SECOND: u32 = 5;
const EACH: Duration = Duration::from_secs(3);
/// Renewed three times in that time: a broker that answers late on a busy machine must not be late for all of them.
const LEASE: Duration = Duration::from_secs(15);
/// How long the counts of a broker may lag. Much less than a lease: one that was abandoned does not expire meanwhile.
const LAG: Duration = Duration::from_secs(3);

fn done(bed: &Bed) -> usize {
    Journal::done(&bed.entries()).len()
}

fn begun(bed: &Bed) -> usize {
    Journal::begun(&bed.entries()).len()
}

fn more_than_once(bed: &Bed) -> BTreeSet<String> {
    Journal::begun(&bed.entries()).into_iter().filter(|(_, times)| *times > 1).map(|(job, _)| job).collect()
}

fn of(manner: Manner, each: Duration, concurrency: usize) -> Wish {
    Wish { manner, concurrency, grace: GRACE, ..Wish::of(each) }
}

/// Asserts that this many jobs wait and none is leased. RabbitMQ does not report leased jobs, and counts the jobs of a closed
/// connection late: until then they are missing from the waiting ones.
fn nobody_has_any(bed: &Bed, waiting: u64) {
    let (leased, lag) = match bed.place().kind {
        QueueKind::Rabbitmq => (None, LONG),
        _ => (Some(0), LAG),
    };
    let left = Left { waiting, leased, dead_lettered: 0 };
    bed.until(&format!("{left:?}"), lag, |bed| bed.left() == left);
}

/// Stops a worker while it runs jobs, and asserts that it leaves none unfinished.
fn deploy(mut worker: Worker, bed: &Bed) {
    bed.until("there is a backlog", LONG, |bed| bed.left().waiting >= PLACES as u64);
    worker.terminate();
    worker.ended(LONG).code(0);
    let left = Journal::unacknowledged(&bed.entries(), worker.pid());
    assert!(left.is_empty(), "exit code 0, but these jobs were not done and acknowledged: {left:?}");
    assert_eq!(more_than_once(bed), BTreeSet::new(), "a job began twice before any kill");
}

/// Kills a worker right after an acknowledgement, and returns the jobs that it was running. No acknowledgement is pending, so
/// it is certain which jobs may run again.
fn kill_at_work(worker: Worker, bed: &Bed) -> BTreeSet<String> {
    let pid = worker.pid();
    let acknowledged = |bed: &Bed| Journal::of(&bed.entries(), pid, What::Acknowledged).len();
    let (before, mut held) = (acknowledged(bed), BTreeSet::new());
    bed.until("it has acknowledged one more job, and is busy", LONG, |bed| {
        if acknowledged(bed) == before {
            return false;
        }
        worker.process.freeze();
        held = Journal::held(&bed.entries(), pid);
        let none_under_way = held == Journal::unacknowledged(&bed.entries(), pid);
        let is_so = held.len() >= PLACES / 2 && none_under_way;
        if !is_so {
            worker.process.signal(Signal::CONT);
        }
        is_so
    });
    worker.kill();
    held
}

fn story(kind: QueueKind) {
    let bed = Bed::fresh(kind, LEASE);
    let wish = of(Manner::Consume, EACH, PLACES);
    (0..FIRST_JOBS).for_each(|job| bed.push(&job.to_string()));
    std::thread::scope(|threads| {
        let pushing = threads.spawn(|| bed.push_evenly(FIRST_JOBS..JOBS, PER_SECOND));

        let first = Worker::start(&bed, &wish);
        bed.until("the first worker has done some jobs", LONG, |bed| done(bed) >= PLACES);
        deploy(first, &bed);
        // The next worker has not started: any leased job would have been left by the first.
        bed.between_pushes(|pushed| nobody_has_any(&bed, u64::from(pushed) - done(&bed) as u64));

        let second = Worker::start(&bed, &wish);
        bed.until("the second worker has done some jobs", LONG, |bed| done(bed) >= 4 * PLACES);
        // This time the next worker starts before the stop.
        let third = Worker::start(&bed, &wish);
        deploy(second, &bed);
        let in_flight = kill_at_work(third, &bed);

        let mut fourth = Worker::start(&bed, &wish);
        pushing.join().expect("all jobs are pushed");
        bed.until("every job is done", LONG, |bed| done(bed) == JOBS as usize);
        fourth.terminate();
        fourth.ended(LONG).code(0);

        assert_eq!(more_than_once(&bed), in_flight, "jobs that began twice, and jobs in flight at the kill");
        assert!(Journal::done(&bed.entries()).values().all(|times| *times == 1), "done twice");
        let left = Journal::unacknowledged(&bed.entries(), fourth.pid());
        assert!(left.is_empty(), "exit code 0, but these jobs were not acknowledged: {left:?}");
        nobody_has_any(&bed, 0);
    });
}

/// Jobs that take longer than the time left are requeued before they are cancelled, by id, and nothing stays leased.
fn requeued_ids(kind: QueueKind) {
    let bed = Bed::fresh(kind, LONG);
    (0..20).for_each(|job| bed.push(&job.to_string()));
    let mut wish = of(Manner::Consume, LONG, 8);
    // At most a quarter of it is for the requeues.
    wish.grace = Duration::from_secs(24);
    let mut worker = Worker::start(&bed, &wish);
    bed.until("all its slots are busy", LONG, |bed| begun(bed) == 8);
    worker.terminate();
    worker.ended(wish.grace).code(3);
    let component = worker.reported("jobs");
    let named = component["requeued_ids"].as_array().map(Vec::len);
    assert_eq!(named, Some(8), "{component:#}");
    nobody_has_any(&bed, 20);

    // They are available at once, although the lease is one minute, and the next worker does each once.
    let mut next = Worker::start(&bed, &of(Manner::Consume, Duration::ZERO, 8));
    bed.until("the next worker does them", LONG / 2, |bed| done(bed) == 20);
    next.terminate();
    next.ended(LONG).code(0);
    assert!(Journal::done(&bed.entries()).values().all(|times| *times == 1));
}

/// The brokers that redeliver a job when its lease expires. RabbitMQ does so when the connection closes.
const WITH_LEASES: [QueueKind; 5] =
    [QueueKind::Sqlite, QueueKind::Postgres, QueueKind::Redis, QueueKind::Nats, QueueKind::Sqs];

#[test]
fn on_every_broker() {
    on_each(QueueKind::ADAPTERS, story);
}

#[test]
fn jobs_that_would_be_cancelled_are_requeued_on_every_broker() {
    on_each(QueueKind::ADAPTERS, requeued_ids);
}

/// The opposite: without the requeue they stay leased to a process that has exited.
#[test]
fn without_the_requeue_jobs_stay_leased() {
    on_each(WITH_LEASES, |kind| {
        let bed = Bed::fresh(kind, LONG);
        (0..20).for_each(|job| bed.push(&job.to_string()));
        let mut wish = of(Manner::WithoutRequeue, LONG, 8);
        wish.grace = Duration::from_secs(3);
        let mut worker = Worker::start(&bed, &wish);
        bed.until("all its slots are busy", LONG, |bed| begun(bed) == 8);
        worker.terminate();
        worker.ended(wish.grace);
        assert_eq!(bed.left(), Left { waiting: 12, leased: Some(8), dead_lettered: 0 });
    });
}

/// The opposite: a manual consumer that drops its jobs at the signal leaves them leased, and they are begun twice.
#[test]
fn a_consumer_that_drops_its_jobs_at_the_signal_leaves_them_leased() {
    on_each(QueueKind::ADAPTERS, |kind| {
        let bed = Bed::fresh(kind, Duration::from_secs(10));
        (0..8).for_each(|job| bed.push(&job.to_string()));
        let mut worker = Worker::start(&bed, &of(Manner::DropAtSignal, EACH, 8));
        bed.until("all its slots are busy", LONG, |bed| begun(bed) == 8);
        worker.terminate();
        worker.ended(LONG).code(0);
        assert_eq!(done(&bed), 0);
        if kind == QueueKind::Rabbitmq {
            // They were leased until its connection ended.
            nobody_has_any(&bed, 8);
        } else {
            assert_eq!(bed.left(), Left { waiting: 0, leased: Some(8), dead_lettered: 0 });
        }
        let mut next = Worker::start(&bed, &of(Manner::Consume, Duration::ZERO, 8));
        bed.until("the next worker does them", LONG, |bed| done(bed) == 8);
        next.terminate();
        next.ended(LONG).code(0);
        assert_eq!(more_than_once(&bed).len(), 8);
    });
}

/// The opposite: a manual consumer that acknowledges on receipt loses its jobs when it is killed.
#[test]
fn a_consumer_that_acknowledges_on_receipt_loses_its_jobs_when_it_is_killed() {
    on_each(QueueKind::ADAPTERS, |kind| {
        let bed = Bed::fresh(kind, LEASE);
        (0..20).for_each(|job| bed.push(&job.to_string()));
        let worker = Worker::start(&bed, &of(Manner::AckFirst, LONG, 8));
        bed.until("all its slots are busy", LONG, |bed| begun(bed) == 8);
        worker.kill();
        let mut next = Worker::start(&bed, &of(Manner::Consume, Duration::ZERO, 8));
        bed.until("the queue is empty", LONG, |bed| done(bed) >= 12 && bed.left().is_none());
        next.terminate();
        next.ended(LONG).code(0);
        let done = done(&bed);
        assert_eq!(done, 12, "8 of 20 jobs were acknowledged and not done, but {done} are done");
    });
}

/// Jobs that take three leases are not redelivered. The opposite: without the heartbeat they begin repeatedly.
#[test]
fn leases_are_renewed_while_a_job_runs() {
    // Long enough for a late heartbeat on a busy machine.
    let lease = Duration::from_secs(2);
    for (manner, twice) in [(Manner::Consume, 0), (Manner::WithoutHeartbeat, 4)] {
        on_each(WITH_LEASES, |kind| {
            let bed = Bed::fresh(kind, lease);
            (0..4).for_each(|job| bed.push(&job.to_string()));
            let mut one = Worker::start(&bed, &of(manner, lease * 3, 4));
            bed.until("all its slots are busy", LONG, |bed| begun(bed) == 4);
            let mut other = Worker::start(&bed, &of(manner, lease * 3, 4));
            bed.until("all are done", LONG, |bed| done(bed) == 4);
            one.terminate();
            other.terminate();
            one.ended(LONG);
            other.ended(LONG);
            assert_eq!(more_than_once(&bed).len(), twice, "{manner:?}");
        });
    }
}

// SIGKILLs at random moments.

/// Returns the seed in `EBBTIDE_CHAOS_SEED`, or a random one. It is printed.
fn seed() -> u64 {
    let given = std::env::var("EBBTIDE_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..))
}

fn chaos(kind: QueueKind, kills: usize) {
    let seed = seed();
    println!("{}: EBBTIDE_CHAOS_SEED={seed}", kind.name());
    let mut rng = Rng::with_seed(seed);
    let bed = Bed::fresh(kind, Duration::from_secs(1));
    let wish = Wish { concurrency: 8, ..Wish::of(Duration::from_millis(30)) };
    let (over, pushed) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|threads| {
        let pushing = threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                bed.push(&pushed.load(Ordering::Relaxed).to_string());
                pushed.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(15));
            }
        });
        let mut workers = [Worker::launch(&bed, &wish), Worker::launch(&bed, &wish)];
        for _ in 0..kills {
            let mut which = rng.usize(0..2);
            if rng.bool() {
                // At any point: on a busy machine it may still be starting.
                sleep(Duration::from_millis(rng.u64(0..400)));
            } else {
                bed.until("a worker runs a job", LONG, |bed| {
                    let entries = bed.entries();
                    let at_work = |one: &usize| !Journal::held(&entries, workers[*one].pid()).is_empty();
                    let found = [which, 1 - which].into_iter().find(at_work);
                    which = found.unwrap_or(which);
                    found.is_some()
                });
            }
            let victim = &mut workers[which];
            if rng.u8(0..4) == 0 {
                victim.terminate();
                sleep(Duration::from_millis(rng.u64(0..40)));
            }
            let killed = std::mem::replace(victim, Worker::launch(&bed, &wish));
            killed.kill();
        }
        let enough = |_: &Bed| pushed.load(Ordering::Relaxed) as usize > kills * 5;
        bed.until("enough jobs were pushed", LONG, enough);
        over.store(true, Ordering::Relaxed);
        pushing.join().expect("all jobs are pushed");
        let pushed = pushed.load(Ordering::Relaxed) as usize;
        // Jobs that a killed worker had done and not acknowledged are redelivered when their lease expires.
        bed.until("every job is done and acknowledged", LONG, |bed| {
            Journal::done(&bed.entries()).len() == pushed && bed.left().is_none()
        });
        for worker in &mut workers {
            // A worker that was just launched may not have a signal handler yet.
            worker.process.says("phase=ready");
            worker.terminate();
            worker.ended(LONG).code(0);
        }
        let again = Journal::begun(&bed.entries()).values().filter(|times| **times > 1).count();
        println!("{}: {kills} kills, {pushed} jobs, 0 lost, {again} begun again", kind.name());
        assert!(bed.left().is_none(), "{:?}", bed.left());
        assert!(again > 0, "the kills had no effect: none of {pushed} jobs began again");
    });
}

#[test]
fn on_sqlite() {
    chaos(QueueKind::Sqlite, 100);
}

#[test]
fn on_postgres() {
    chaos(QueueKind::Postgres, 100);
}

#[test]
fn on_redis() {
    chaos(QueueKind::Redis, 40);
}

#[test]
fn on_rabbitmq() {
    chaos(QueueKind::Rabbitmq, 40);
}

#[test]
fn on_nats() {
    chaos(QueueKind::Nats, 40);
}
