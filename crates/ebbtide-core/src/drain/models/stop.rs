use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use loom::future::block_on;
use loom::model;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::poll::{Woken, poll_with};
use crate::drain::StopSource;
use crate::drain::stop::{Level, WaitList};
use crate::model::Cause;

#[test]
fn a_stop_wakes_every_task_that_waits_for_it() {
    // `StopState` 5, `WaitList` 1 and 2: two waiters, in the raiser's shard and in another.
    model(|| {
        let source = StopSource::with_clock(no_clock);
        let stop = source.token();
        let other = thread::spawn(move || block_on(stop.stopping_owned()));
        let stop = source.token();
        let third = thread::spawn(move || block_on(stop.stopping()));
        source.stop(signal(15), None);
        other.join().unwrap();
        third.join().unwrap();
    });
}

#[test]
fn cancelling_wakes_the_waiters_of_both_levels() {
    model(|| {
        let source = StopSource::with_clock(no_clock);
        let stop = source.token();
        let cancelled = thread::spawn(move || block_on(stop.cancelled_owned()));
        let stop = source.token();
        let stopping = thread::spawn(move || block_on(stop.stopping()));
        source.cancel();
        cancelled.join().unwrap();
        stopping.join().unwrap();
    });
}

#[test]
fn a_concurrent_stop_and_cancel_wake_the_waiter_of_cancelled() {
    model(|| {
        let source = Arc::new(StopSource::with_clock(no_clock));
        let stop = source.token();
        let stopper = {
            let source = Arc::clone(&source);
            thread::spawn(move || source.stop(signal(15), None))
        };
        let cutter = thread::spawn(move || source.cancel());
        block_on(stop.cancelled());
        assert!(stop.is_stopping());
        stopper.join().unwrap();
        cutter.join().unwrap();
    });
}

#[test]
fn with_a_second_check_under_the_lock_no_wake_up_is_lost() {
    park_during_a_raise(|level| level.load(Ordering::SeqCst));
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn without_a_second_check_under_the_lock_the_wake_up_is_lost() {
    park_during_a_raise(|_level| false);
}

/// `WaitList` 1 and 2, step by step.
fn park_during_a_raise(second_check: fn(&AtomicBool) -> bool) {
    model(move || {
        let shared = Arc::new((AtomicBool::new(false), WaitList::new()));
        let raiser = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.0.store(true, Ordering::SeqCst);
                shared.1.fire(Level::Stopping);
            })
        };
        let woken = Woken::new();
        let mut waiting = poll_fn(|cx| {
            if shared.0.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            match shared.1.park(Level::Stopping, cx.waker().clone(), || second_check(&shared.0)) {
                Some(_key) => Poll::Pending,
                None => Poll::Ready(()),
            }
        });
        let polled = poll_with(&mut waiting, &woken);
        raiser.join().unwrap();
        assert!(polled.is_ready() || woken.times() == 1, "the wake-up was lost");
    });
}

#[test]
fn a_future_dropped_during_a_stop_affects_no_other() {
    // `WaitList` 3, `Reached` 2: futures of one shard, one of which is dropped while the list is taken.
    model(|| {
        let source = StopSource::with_clock(no_clock);
        let stop = source.token();
        let (staying, leaving) = (Woken::new(), Woken::new());
        let mut first = stop.clone().stopping_owned();
        let mut second = stop.clone().stopping_owned();
        assert!(poll_with(&mut first, &leaving).is_pending());
        assert!(poll_with(&mut second, &staying).is_pending());
        let dropper = thread::spawn(move || drop(first));
        source.stop(signal(15), None);
        dropper.join().unwrap();
        assert_eq!(staying.times(), 1, "a waiter is woken exactly once");
        assert!(leaving.times() <= 1);
        assert!(poll_with(&mut second, &staying).is_ready());
    });
}

#[test]
fn a_dropped_future_takes_its_waker_off_the_list() {
    model(|| {
        let source = StopSource::with_clock(no_clock);
        let stop = source.token();
        let woken = Woken::new();
        let mut waiting = stop.stopping();
        assert!(poll_with(&mut waiting, &woken).is_pending());
        assert_eq!(Arc::strong_count(&woken), 2);
        drop(waiting);
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

#[test]
fn a_future_that_moved_to_another_task_wakes_that_task() {
    // `WaitList::refresh` against `fire`: either the new waker is taken, or the poll returns ready.
    model(|| {
        let source = StopSource::with_clock(no_clock);
        let (before, after) = (Woken::new(), Woken::new());
        let mut waiting = source.token().stopping_owned();
        assert!(poll_with(&mut waiting, &before).is_pending());
        let raiser = thread::spawn(move || source.stop(signal(15), None));
        let polled = poll_with(&mut waiting, &after);
        raiser.join().unwrap();
        assert!(polled.is_ready() || after.times() == 1, "the task that now has the future was not woken");
    });
}

#[test]
fn a_visible_stop_has_its_cause_and_its_deadline() {
    // `StopState` 1, 2 and 3, with two concurrent calls of `stop`.
    let deadline = no_clock();
    model(move || {
        let source = Arc::new(StopSource::with_clock(no_clock));
        let stop = source.token();
        let stopper = {
            let source = Arc::clone(&source);
            thread::spawn(move || {
                let first = source.stop(signal(15), Some(deadline));
                assert!(source.token().is_stopping(), "`stop` has returned, so the tokens are raised");
                first
            })
        };
        let other = thread::spawn(move || {
            let first = source.stop(signal(2), Some(deadline));
            assert!(source.token().is_stopping(), "`stop` has returned, so the tokens are raised");
            first
        });
        if stop.is_stopping() {
            assert!(stop.cause().is_some());
            assert_eq!(stop.deadline(), Some(deadline));
        }
        let (first, second) = (stopper.join().unwrap(), other.join().unwrap());
        assert!(first != second, "exactly one was the first");
        assert_eq!(stop.cause(), Some(&signal(if first { 15 } else { 2 })));
    });
}

#[test]
fn the_deadline_never_moves_later() {
    // `Deadline` 1 and 2, `StopState` 4.
    let now = no_clock();
    model(move || {
        let at = move |seconds| now + Duration::from_secs(seconds);
        let source = Arc::new(StopSource::with_clock(no_clock));
        let stop = source.token();
        source.stop(signal(15), Some(at(30)));
        let tightening = |seconds| {
            let source = Arc::clone(&source);
            thread::spawn(move || {
                source.tighten(at(seconds));
                assert!(source.token().deadline() <= Some(at(seconds)));
            })
        };
        let threads = [tightening(20), tightening(10)];
        let (earlier, later) = (stop.deadline(), stop.deadline());
        assert!(later <= earlier);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(stop.deadline(), Some(at(10)));
    });
}

fn signal(number: i32) -> Cause {
    Cause::Signal { number }
}

#[expect(clippy::disallowed_methods, reason = "a model has no clock; it only needs an instant to add to")]
fn no_clock() -> Instant {
    Instant::now()
}
