use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;
use loom::model;
use loom::thread;

use super::poll::{Woken, poll_with};
use crate::drain::Tracker;
use crate::drain::tracker::TrackerState;

#[test]
fn the_last_of_two_guards_wakes_the_idle_waiter() {
    // `TrackerState` 1: the guards end on different threads, one of them in the waiter's shard.
    model(|| {
        let tracker = Tracker::new();
        let (first, second) = (tracker.guard(), tracker.guard());
        let one = thread::spawn(move || drop(first));
        let other = thread::spawn(move || drop(second));
        block_on(tracker.idle());
        assert_eq!(tracker.finished(), 2);
        one.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn idle_waits_for_a_guard_that_begins_while_another_ends() {
    model(|| {
        let tracker = Tracker::new();
        let guard = tracker.guard();
        let busy = {
            let tracker = tracker.clone();
            thread::spawn(move || {
                let next = tracker.guard();
                drop(guard);
                drop(next);
            })
        };
        block_on(tracker.idle());
        assert_eq!(
            (tracker.begun(), tracker.finished()),
            (2, 2),
            "there was no idle instant before both had ended"
        );
        busy.join().unwrap();
    });
}

#[test]
fn two_waiters_are_both_woken() {
    model(|| {
        let tracker = Tracker::new();
        let guard = tracker.guard();
        let waiter = {
            let tracker = tracker.clone();
            thread::spawn(move || block_on(tracker.idle_owned()))
        };
        let ender = thread::spawn(move || drop(guard));
        block_on(tracker.idle());
        waiter.join().unwrap();
        ender.join().unwrap();
    });
}

#[test]
fn a_dropped_waiter_affects_no_other() {
    model(|| {
        let tracker = Tracker::new();
        let guard = tracker.guard();
        let (leaving, staying) = (Woken::new(), Woken::new());
        let mut first = tracker.clone().idle_owned();
        let mut second = tracker.idle();
        assert!(poll_with(&mut first, &leaving).is_pending());
        assert!(poll_with(&mut second, &staying).is_pending());
        let ender = thread::spawn(move || drop(guard));
        drop(first);
        ender.join().unwrap();
        assert_eq!(staying.times(), 1);
        assert!(poll_with(&mut second, &staying).is_ready());
        assert_eq!(Arc::strong_count(&leaving), 1, "its waker is off the list");
    });
}

#[test]
fn a_waiter_that_moved_to_another_task_wakes_that_task() {
    // `TrackerState` 1: a waiter that was already parked.
    model(|| {
        let tracker = Tracker::new();
        let guard = tracker.guard();
        let (before, after) = (Woken::new(), Woken::new());
        let mut waiting = tracker.idle();
        assert!(poll_with(&mut waiting, &before).is_pending());
        let ender = thread::spawn(move || drop(guard));
        let polled = poll_with(&mut waiting, &after);
        ender.join().unwrap();
        assert!(polled.is_ready() || after.times() == 1, "the task that now has the future was not woken");
    });
}

#[test]
fn is_idle_requires_an_instant_with_nothing_in_flight() {
    check_idle_during_overlapping_work(TrackerState::is_idle);
}

#[test]
#[should_panic(expected = "idle, although")]
fn reading_begun_before_ended_reports_a_false_idle() {
    // The counterexample to `Counts` 3.
    check_idle_during_overlapping_work(TrackerState::is_idle_begun_first);
}

/// One piece of work ends only after the next has begun, on another thread: no instant is idle.
fn check_idle_during_overlapping_work(is_idle: fn(&TrackerState) -> bool) {
    model(move || {
        let state = Arc::new(TrackerState::new());
        state.begin();
        let working = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                state.begin();
                state.end();
            })
        };
        assert!(!is_idle(&state), "idle, although something was always in flight");
        working.join().unwrap();
    });
}

#[test]
fn an_end_wakes_a_waiter_that_parks_concurrently() {
    end_during_a_park(TrackerState::end);
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn an_unordered_end_loses_the_wake_up() {
    end_during_a_park(TrackerState::end_unordered);
}

#[test]
#[should_panic(expected = "the wake-up was lost")]
fn an_end_that_checks_for_waiters_first_loses_the_wake_up() {
    end_during_a_park(TrackerState::end_after_checking_for_waiters);
}

/// `TrackerState` 1, step by step.
fn end_during_a_park(end: fn(&TrackerState)) {
    model(move || {
        let state = Arc::new(TrackerState::new());
        state.begin();
        let ender = {
            let state = Arc::clone(&state);
            thread::spawn(move || end(&state))
        };
        let (woken, mut key) = (Woken::new(), None);
        let mut waiting = poll_fn(|cx| {
            state.park(&mut key, cx.waker());
            if state.is_idle() { Poll::Ready(()) } else { Poll::Pending }
        });
        let polled = poll_with(&mut waiting, &woken);
        ender.join().unwrap();
        assert!(polled.is_ready() || woken.times() == 1, "the wake-up was lost");
        state.leave(&mut key);
    });
}

#[test]
#[expect(clippy::arc_with_non_send_sync, reason = "the model checks that the cell is shared correctly")]
fn writes_under_a_guard_are_visible_after_idle() {
    // `Counts` 4. The cell is loom's: the model fails if nothing orders the read after the write.
    model(|| {
        let tracker = Tracker::new();
        let guard = tracker.guard();
        let result = Arc::new(loom::cell::UnsafeCell::new(0));
        let working = {
            let result = Arc::clone(&result);
            thread::spawn(move || {
                result.with_mut(|_cell| {});
                drop(guard);
            })
        };
        block_on(tracker.idle());
        result.with(|_cell| {});
        working.join().unwrap();
    });
}
