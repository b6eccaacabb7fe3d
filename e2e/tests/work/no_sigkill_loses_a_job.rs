//! Workers are killed at random moments, again and again: in the midst of start-up, of fetching, of jobs, of settling, of a
//! stop. Every job is done in the end.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a helper that fails fails its test, and the seed is told"
)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ebbtide_demo::queue::QueueKind;
use ebbtide_e2e::jobs::{Bed, Journal, Wish, Worker};
use fastrand::Rng;

const LONG: Duration = Duration::from_secs(60);

/// The seed: what `EBBTIDE_CHAOS_SEED` says, or another one each time. It is printed.
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
                // Whatever it is doing: on a busy machine it may still be starting.
                sleep(Duration::from_millis(rng.u64(0..400)));
            } else {
                bed.until("one of them is at work", LONG, |bed| {
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
        bed.until("there were jobs all the time", LONG, enough);
        over.store(true, Ordering::Relaxed);
        pushing.join().expect("all are pushed");
        let pushed = pushed.load(Ordering::Relaxed) as usize;
        // What a worker had done when it was killed, and had not acknowledged, comes once more when its lease has run out.
        bed.until("every job is done and acknowledged", LONG, |bed| {
            Journal::done(&bed.entries()).len() == pushed && bed.left().is_none()
        });
        for worker in &mut workers {
            // One that was launched a moment ago may not yet have a handler to take the signal.
            worker.process.says("phase=ready");
            worker.terminate();
            worker.ended(LONG).code(0);
        }
        let again = Journal::begun(&bed.entries()).values().filter(|times| **times > 1).count();
        println!("{}: {kills} kills, {pushed} jobs, 0 lost, {again} begun again", kind.name());
        assert!(bed.left().is_none(), "{:?}", bed.left());
        assert!(again > 0, "that was no chaos: none of {pushed} was begun again");
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
