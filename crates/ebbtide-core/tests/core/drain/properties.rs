//! The primitives compared with trivial models, over arbitrary sequences of operations.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use ebbtide_core::drain::{Registry, StopSource, Stopping, Tracker};
use ebbtide_core::model::Cause;
use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{Woken, now, poll};

#[derive(Clone, Debug)]
enum Raise {
    Stop(i32, Option<u64>),
    Tighten(u64),
    Cancel,
}

fn raise() -> impl Strategy<Value = Raise> {
    let seconds = 0..1_000_u64;
    prop_oneof![
        (1..32, proptest::option::of(seconds.clone())).prop_map(|(cause, limit)| Raise::Stop(cause, limit)),
        seconds.prop_map(Raise::Tighten),
        Just(Raise::Cancel),
    ]
}

proptest! {
    /// `StopState` 1, 2 and 4, `Deadline` 1.
    #[test]
    fn the_first_cause_wins_and_the_deadline_never_moves_later(raises in vec(raise(), 0..24)) {
        let start = now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let source = StopSource::with_clock(now);
        let stop = source.token();
        let (mut cause, mut limits, mut stopping, mut cancelled) = (None, Vec::new(), false, false);
        for raise in raises {
            let before = stop.deadline();
            match raise {
                Raise::Stop(number, limit) => {
                    let first = source.stop(Cause::Signal { number }, limit.map(at));
                    prop_assert_eq!(first, cause.is_none());
                    if first {
                        cause = Some(Cause::Signal { number });
                        limits.extend(limit.map(at));
                    }
                    stopping = true;
                }
                Raise::Tighten(seconds) => {
                    source.tighten(at(seconds));
                    limits.push(at(seconds));
                }
                Raise::Cancel => {
                    source.cancel();
                    (stopping, cancelled) = (true, true);
                }
            }
            let expected = if stopping { limits.iter().min().copied() } else { None };
            prop_assert_eq!(stop.deadline(), expected);
            prop_assert!(before.is_none() || stop.deadline() <= before);
            prop_assert_eq!((stop.is_stopping(), stop.is_cancelled(), stop.cause()), (stopping, cancelled, cause.as_ref()));
        }
    }
}

#[derive(Clone, Debug)]
enum Wait {
    Begin,
    Poll(usize),
    PollFromOtherTask(usize),
    Drop(usize),
    Raise,
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        4 => Just(Wait::Begin),
        6 => (0..8_usize).prop_map(Wait::Poll),
        2 => (0..8_usize).prop_map(Wait::PollFromOtherTask),
        3 => (0..8_usize).prop_map(Wait::Drop),
        1 => Just(Wait::Raise),
    ]
}

/// A future, and the waker of its last poll if that was pending.
struct Waiter {
    future: Stopping<'static>,
    parked: Option<Arc<Woken>>,
}

proptest! {
    /// `StopState` 5, `WaitList` 3, `Reached` 1 and 2.
    #[test]
    fn a_stop_wakes_exactly_the_parked_waiters(steps in vec(wait(), 0..64)) {
        let source = StopSource::with_clock(now);
        let mut waiters: Vec<Waiter> = Vec::new();
        let mut left: Vec<Arc<Woken>> = Vec::new();
        let mut raised = false;
        for step in steps {
            match step {
                Wait::Begin => waiters.push(Waiter { future: source.token().stopping_owned(), parked: None }),
                Wait::Poll(index) | Wait::PollFromOtherTask(index) => {
                    let Some(waiter) = waiters.get_mut(index) else { continue };
                    let elsewhere = matches!(step, Wait::PollFromOtherTask(_));
                    let woken = waiter.parked.take().filter(|_| !elsewhere).unwrap_or_else(Woken::new);
                    let polled = poll(&mut waiter.future, &woken);
                    prop_assert_eq!(polled.is_ready(), raised);
                    waiter.parked = polled.is_pending().then_some(woken);
                }
                Wait::Drop(index) if index < waiters.len() => left.extend(waiters.swap_remove(index).parked),
                Wait::Drop(_) => {}
                Wait::Raise => {
                    // A future that was dropped before the stop is not woken; one that is dropped later already was.
                    prop_assert!(raised || left.iter().all(|woken| woken.times() == 0));
                    prop_assert!(raised || left.iter().all(|woken| Arc::strong_count(woken) == 1));
                    source.stop(Cause::Signal { number: 15 }, None);
                    for woken in waiters.iter().filter_map(|waiter| waiter.parked.as_ref()) {
                        prop_assert_eq!(woken.times(), 1);
                        prop_assert_eq!(Arc::strong_count(woken), 1, "the list has dropped the waker");
                    }
                    raised = true;
                }
            }
        }
    }

    /// `Lease` 3: a tracker counts only its work, also when it reuses the memory of another one.
    #[test]
    fn a_tracker_counts_like_a_queue(steps in vec(any::<bool>(), 0..64)) {
        let tracker = Tracker::new();
        let (mut begun, mut ended, mut held) = (0, 0, VecDeque::new());
        for begins in steps {
            if begins {
                begun += 1;
                held.push_back(tracker.guard());
            } else {
                ended += u64::from(held.pop_front().is_some());
            }
            prop_assert_eq!((tracker.begun(), tracker.finished()), (begun, ended));
            prop_assert_eq!(tracker.in_flight(), begun - ended);
            let idle = Pin::new(&mut tracker.idle()).poll(&mut Context::from_waker(Waker::noop()));
            prop_assert_eq!(idle.is_ready(), begun == ended);
        }
    }

    /// `Shard` 1 and 3.
    #[test]
    fn a_registry_lists_present_entries_in_registration_order(steps in vec((any::<bool>(), 0..16_usize), 0..64)) {
        let registry = Registry::with_clock(now);
        let mut present = Vec::new();
        for (number, (comes, index)) in steps.into_iter().enumerate() {
            if comes {
                let name = number.to_string();
                present.push((name.clone(), registry.register(name)));
            } else if index < present.len() {
                drop(present.remove(index));
            }
            let listed: Vec<String> = registry.stragglers().into_iter().map(|straggler| straggler.name).collect();
            prop_assert_eq!(listed, present.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        }
    }
}
