//! The tracker: every piece of work is counted once, and no wake-up is lost.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use ebbtide_core::drain::{Guard, Tracker};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The timeout after which a wake-up counts as lost.
const LOST: Duration = Duration::from_secs(30);

#[test]
fn each_piece_of_work_is_counted_once() {
    let tracker = Tracker::new();
    let guards = [tracker.guard(), tracker.clone().guard()];
    assert_eq!((tracker.begun(), tracker.finished(), tracker.in_flight()), (2, 0, 2));
    drop(guards);
    assert_eq!((tracker.begun(), tracker.finished(), tracker.in_flight()), (2, 2, 0));
}

#[test]
fn a_panic_ends_the_work_it_interrupts() {
    let tracker = Tracker::new();
    let panicked = thread::scope(|scope| {
        let tracker = &tracker;
        scope
            .spawn(move || {
                let _guard = tracker.guard();
                std::panic::resume_unwind(Box::new("as if by panic"));
            })
            .join()
    });
    assert!(panicked.is_err());
    assert_eq!((tracker.in_flight(), tracker.finished()), (0, 1));
}

#[test]
fn work_that_ends_on_another_thread_is_counted_there() {
    // `Counts` 2, from many threads to one and back.
    let tracker = Tracker::new();
    let (send, receive) = mpsc::channel::<Guard>();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (send, tracker) = (send.clone(), tracker.clone());
            scope.spawn(move || (0..10_000).for_each(|_| send.send(tracker.guard()).unwrap()));
        }
        drop(send);
        scope.spawn(move || receive.into_iter().for_each(drop));
    });
    assert_eq!((tracker.begun(), tracker.finished(), tracker.in_flight()), (40_000, 40_000, 0));
}

#[test]
fn a_tracker_with_overlapping_guards_is_never_idle() {
    // `Counts` 3 on real hardware: the guards overlap from thread to thread, so the count must never be zero.
    let tracker = Tracker::new();
    let relay = std::sync::Mutex::new(Some(tracker.guard()));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let next = tracker.guard();
                    let previous = relay.lock().unwrap().replace(next);
                    drop(previous);
                }
            });
        }
        for _ in 0..200_000 {
            assert_ne!(tracker.in_flight(), 0);
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_end_wakes_the_idle_waiter_in_every_round() {
    // `TrackerState` 1 on real hardware: a lost wake-up exceeds the timeout.
    let tracker = Tracker::new();
    for round in 0..20_000_u64 {
        let guards = [tracker.guard(), tracker.guard()];
        let mut enders: JoinSet<()> = guards.into_iter().map(|guard| async move { drop(guard) }).collect();
        timeout(LOST, tracker.idle()).await.unwrap();
        assert_eq!(tracker.finished(), 2 * (round + 1));
        while enders.join_next().await.is_some() {}
    }
}

#[tokio::test]
async fn a_tracker_with_nothing_in_flight_is_idle_at_once() {
    let tracker = Tracker::new();
    tracker.idle().await;
    tracker.idle_owned().await;
}

#[test]
fn a_dropped_wait_leaves_no_waker_behind() {
    let tracker = Tracker::new();
    let guard = tracker.guard();
    let noticed = Arc::new(());
    let waker = waker_with_reference_to(&noticed);
    {
        let mut idle = pin!(tracker.idle());
        assert!(idle.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(idle.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(waker);
    assert_eq!(Arc::strong_count(&noticed), 1);
    drop(guard);
}

#[test]
fn a_tracker_that_reuses_memory_counts_from_zero() {
    // `Lease` 3.
    for _ in 0..1_000 {
        let tracker = Tracker::new();
        assert_eq!((tracker.begun(), tracker.finished(), tracker.in_flight()), (0, 0, 0));
        drop([tracker.guard(), tracker.guard()]);
        assert_eq!((tracker.begun(), tracker.finished()), (2, 2));
    }
}

#[test]
fn a_guard_that_outlives_its_tracker_counts_in_no_other() {
    // `Lease` 1 and 2.
    let orphan = Tracker::new().guard();
    let others: Vec<Tracker> = (0..64).map(|_| Tracker::new()).collect();
    drop(orphan);
    for other in &others {
        assert_eq!((other.begun(), other.finished(), other.in_flight()), (0, 0, 0));
    }
}

#[test]
fn short_lived_trackers_on_many_threads_never_mix_their_counts() {
    // `Lease` 1 to 3: states are reused while guards of an earlier tenancy still end on other threads.
    let (send, receive) = mpsc::channel::<Guard>();
    thread::scope(|scope| {
        for thread in 0..3_u64 {
            let send = send.clone();
            scope.spawn(move || {
                for round in 0..3_000 {
                    let tracker = Tracker::new();
                    assert_eq!((tracker.begun(), tracker.finished(), tracker.in_flight()), (0, 0, 0));
                    let (here, elsewhere) = (round % 4, (round + thread) % 3);
                    (0..here).for_each(|_| drop(tracker.guard()));
                    (0..elsewhere).for_each(|_| send.send(tracker.guard()).unwrap());
                    assert_eq!(tracker.begun(), here + elsewhere);
                    let finished = tracker.finished();
                    assert!(
                        (here..=here + elsewhere).contains(&finished),
                        "{finished} of {here} + {elsewhere}"
                    );
                }
            });
        }
        drop(send);
        scope.spawn(move || receive.into_iter().for_each(drop));
    });
}

fn waker_with_reference_to(noticed: &Arc<()>) -> Waker {
    struct Holder(#[expect(dead_code, reason = "only its reference count is read")] Arc<()>);
    impl std::task::Wake for Holder {
        fn wake(self: Arc<Self>) {}
    }
    Waker::from(Arc::new(Holder(Arc::clone(noticed))))
}
