//! Deploys and a SIGKILL while jobs come and are worked at: every job is done, and only what the killed process had in
//! flight is done twice.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::time::Duration;

use ebbtide_demo::queue::QueueKind;
use ebbtide_e2e::jobs::{Bed, Journal, Manner, Wish, Worker, on_each};

const WORKER: &str = env!("CARGO_BIN_EXE_worker");
const LONG: Duration = Duration::from_secs(60);

/// Twenty jobs a second of three seconds each, for twenty seconds: sixty are in flight at any moment.
const JOBS: u32 = 400;
const PER_SECOND: u32 = 20;
const EACH: Duration = Duration::from_secs(3);
const LEASE: Duration = Duration::from_secs(6);

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
    Wish { manner, concurrency, ..Wish::of(each) }
}

/// Stops a worker in the midst of its work, and sees that it leaves nothing half done behind.
fn deploy(mut worker: Worker, bed: &Bed) {
    worker.terminate();
    worker.ended(LONG).code(0);
    let held = Journal::held(&bed.entries(), worker.pid(), u128::MAX);
    assert!(held.is_empty(), "it ended with 0, and had not done {held:?}");
    assert_eq!(more_than_once(bed), BTreeSet::new(), "nobody was killed yet");
}

fn story(kind: QueueKind) {
    let bed = Bed::fresh(kind, LEASE);
    let wish = Wish::of(EACH);
    std::thread::scope(|threads| {
        let pushing = threads.spawn(|| bed.push_evenly(0..JOBS, PER_SECOND));

        let first = Worker::start(WORKER, &bed, &wish);
        bed.until("the first worker is well under way", LONG, |bed| done(bed) >= 40);
        deploy(first, &bed);
        // The next one is not there yet: whatever is leased now, a worker has left behind.
        assert_eq!(bed.left().leased.unwrap_or_default(), 0, "leased after a graceful stop");

        let second = Worker::start(WORKER, &bed, &wish);
        bed.until("the second worker is well under way", LONG, |bed| done(bed) >= 120);
        // This time the next one is there before.
        let third = Worker::start(WORKER, &bed, &wish);
        deploy(second, &bed);

        let of_third = |bed: &Bed, pid| Journal::held(&bed.entries(), pid, u128::MAX).len();
        bed.until("the third worker has its hands full", LONG, |bed| of_third(bed, third.pid()) >= 20);
        let pid = third.pid();
        let at = third.kill();
        let in_flight = Journal::held(&bed.entries(), pid, at);
        let not_done = Journal::held(&bed.entries(), pid, u128::MAX);

        let mut fourth = Worker::start(WORKER, &bed, &wish);
        pushing.join().expect("all are pushed");
        bed.until("every job is done", LONG, |bed| done(bed) == JOBS as usize);
        fourth.terminate();
        fourth.ended(LONG).code(0);

        let twice = more_than_once(&bed);
        assert!(twice.is_subset(&in_flight), "done twice, and not in flight: {:?}", &twice - &in_flight);
        assert!(not_done.is_subset(&twice), "not done, and not done again: {:?}", &not_done - &twice);
        assert!(bed.left().is_none(), "{:?}", bed.left());
    });
}

/// Jobs that take longer than there is time: handed back before they are cut, by name, and nothing is leased.
fn handed_back(kind: QueueKind) {
    let bed = Bed::fresh(kind, LONG);
    (0..20).for_each(|job| bed.push(&job.to_string()));
    let mut wish = of(Manner::Consume, LONG, 8);
    wish.grace = Duration::from_secs(3);
    let mut worker = Worker::start(WORKER, &bed, &wish);
    bed.until("it has its hands full", LONG, |bed| begun(bed) == 8);
    worker.terminate();
    worker.ended(wish.grace).code(3);
    let component = worker.reported("jobs");
    let named = component["handed_back"].as_array().map(Vec::len);
    assert_eq!(named, Some(8), "{component:#}");
    let left = bed.left();
    assert_eq!((left.waiting, left.leased.unwrap_or_default(), left.buried), (20, 0, 0));

    // They are there at once, though the lease is a minute, and each is done once by the next.
    let mut next = Worker::start(WORKER, &bed, &of(Manner::Consume, Duration::ZERO, 8));
    bed.until("the next one does them", LONG / 2, |bed| done(bed) == 20);
    next.terminate();
    next.ended(LONG).code(0);
    assert!(Journal::done(&bed.entries()).values().all(|times| *times == 1));
}

/// Those that give a job to somebody else when its lease runs out. `RabbitMQ` does so when its connection ends.
const WITH_LEASES: [QueueKind; 5] =
    [QueueKind::Sqlite, QueueKind::Postgres, QueueKind::Redis, QueueKind::Nats, QueueKind::Sqs];

#[test]
fn on_every_broker() {
    on_each(QueueKind::ADAPTERS, story);
}

#[test]
fn what_would_be_cut_is_handed_back_on_every_broker() {
    on_each(QueueKind::ADAPTERS, handed_back);
}

/// The opposite: without the hand-back they are leased to a process that is gone.
#[test]
fn without_the_hand_back_they_stay_leased() {
    on_each(WITH_LEASES, |kind| {
        let bed = Bed::fresh(kind, LONG);
        (0..20).for_each(|job| bed.push(&job.to_string()));
        let mut wish = of(Manner::WithoutHandBack, LONG, 8);
        wish.grace = Duration::from_secs(3);
        let mut worker = Worker::start(WORKER, &bed, &wish);
        bed.until("it has its hands full", LONG, |bed| begun(bed) == 8);
        worker.terminate();
        worker.ended(wish.grace);
        assert_eq!((bed.left().waiting, bed.left().leased), (12, Some(8)));
    });
}

/// The opposite: a consumer by hand that drops its jobs at the signal leaves them leased, and they are begun twice.
#[test]
fn a_consumer_that_drops_its_jobs_at_the_signal_leaves_them_leased() {
    on_each(QueueKind::ADAPTERS, |kind| {
        let bed = Bed::fresh(kind, Duration::from_secs(10));
        (0..8).for_each(|job| bed.push(&job.to_string()));
        let mut worker = Worker::start(WORKER, &bed, &of(Manner::DropAtSignal, EACH, 8));
        bed.until("it has its hands full", LONG, |bed| begun(bed) == 8);
        worker.terminate();
        worker.ended(LONG).code(0);
        assert_eq!((done(&bed), bed.left().leased.unwrap_or(8)), (0, 8));
        let mut next = Worker::start(WORKER, &bed, &of(Manner::Consume, Duration::ZERO, 8));
        bed.until("the next one does them", LONG, |bed| done(bed) == 8);
        next.terminate();
        next.ended(LONG).code(0);
        assert_eq!(more_than_once(&bed).len(), 8);
    });
}

/// The opposite: a consumer by hand that acknowledges on receipt loses what it had when it is killed.
#[test]
fn a_consumer_that_acknowledges_first_loses_what_it_had_when_it_is_killed() {
    on_each(QueueKind::ADAPTERS, |kind| {
        let bed = Bed::fresh(kind, LEASE);
        (0..20).for_each(|job| bed.push(&job.to_string()));
        let worker = Worker::start(WORKER, &bed, &of(Manner::AckFirst, LONG, 8));
        bed.until("it has its hands full", LONG, |bed| begun(bed) == 8);
        worker.kill();
        let mut next = Worker::start(WORKER, &bed, &of(Manner::Consume, Duration::ZERO, 8));
        bed.until("the queue is empty", LONG, |bed| done(bed) >= 12 && bed.left().is_none());
        next.terminate();
        next.ended(LONG).code(0);
        let done = done(&bed);
        assert_eq!(done, 12, "of 20 jobs 8 were acknowledged and not done, and yet {done} are");
    });
}

/// Jobs that take three leases are nobody else's; and the opposite: without the heartbeat they are begun again and again.
#[test]
fn leases_are_kept_alive_while_a_job_runs() {
    let lease = Duration::from_secs(1);
    for (manner, twice) in [(Manner::Consume, 0), (Manner::WithoutHeartbeat, 4)] {
        on_each(WITH_LEASES, |kind| {
            let bed = Bed::fresh(kind, lease);
            (0..4).for_each(|job| bed.push(&job.to_string()));
            let mut one = Worker::start(WORKER, &bed, &of(manner, lease * 3, 4));
            bed.until("it has its hands full", LONG, |bed| begun(bed) == 4);
            let mut other = Worker::start(WORKER, &bed, &of(manner, lease * 3, 4));
            bed.until("all are done", LONG, |bed| done(bed) == 4);
            one.terminate();
            other.terminate();
            one.ended(LONG);
            other.ended(LONG);
            assert_eq!(more_than_once(&bed).len(), twice, "{manner:?}");
        });
    }
}
