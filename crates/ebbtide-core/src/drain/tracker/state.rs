use std::mem;
use std::task::Waker;

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::counts::Counts;
use crate::drain::sync::{Lock, SeqCounter};

/// The state that a tracker, its guards and its waiters share: the counts and the waiters.
///
/// # Invariants
///
/// *S* is the one order of all sequentially consistent accesses, see [`Counts`].
///
/// 1. *No wake-up is lost.* A waiter stores its waker, then increments `present`, then checks whether the tracker is idle. A
///    guard that is dropped counts its end, then reads `present`, and, if it is not zero, checks whether nothing is in flight and
///    wakes. Suppose that from some instant on nothing is in flight. Take the last in *S* among the ends and the increment of
///    `present`. If it is the increment, the waiter's check comes after every end and finds the tracker idle. If it is an end,
///    the read of `present` comes after the increment, the guard's check comes after every end, and the waker is stored. A waiter
///    that was already parked replaces its waker under the lock under which wakers are taken: either the guard takes the new one,
///    or the waiter's check comes after the guard's end.
/// 2. *Without a waiter, an end costs one more load*, of a cache line that no thread writes.
#[derive(Debug)]
pub(in crate::drain) struct TrackerState {
    counts: Counts,
    /// Read on every end, rarely written.
    waiters: CachePadded<Waiters>,
}

impl TrackerState {
    pub(in crate::drain) fn new() -> Self {
        Self { counts: Counts::new(), waiters: CachePadded::default() }
    }

    #[inline]
    pub(in crate::drain) fn begin(&self) {
        self.counts.begin();
    }

    #[inline]
    pub(in crate::drain) fn end(&self) {
        self.counts.end();
        self.wake_if_idle();
    }

    pub(in crate::drain) fn is_idle(&self) -> bool {
        self.counts.is_idle()
    }

    pub(in crate::drain) fn in_flight(&self) -> u64 {
        self.counts.in_flight()
    }

    pub(in crate::drain) fn begun(&self) -> u64 {
        self.counts.begun()
    }

    pub(in crate::drain) fn ended(&self) -> u64 {
        self.counts.ended()
    }

    pub(in crate::drain) fn park(&self, key: &mut Option<usize>, waker: &Waker) {
        self.waiters.park(key, waker);
    }

    pub(in crate::drain) fn leave(&self, key: &mut Option<usize>) {
        self.waiters.leave(key);
    }

    #[inline]
    fn wake_if_idle(&self) {
        if self.waiters.are_present() && self.is_idle() {
            self.waiters.wake();
        }
    }
}

/// The mechanisms with one part removed: each must fail in a model, or the model proves nothing.
#[cfg(all(test, ebbtide_loom))]
impl TrackerState {
    /// Breaks invariant 3 of [`Counts`]: reads the begun counters first.
    pub(in crate::drain) fn is_idle_begun_first(&self) -> bool {
        let begun = self.counts.begun();
        begun == self.counts.ended()
    }

    /// Breaks invariant 1: the end has no place in *S*.
    pub(in crate::drain) fn end_unordered(&self) {
        self.counts.end_unordered();
        self.wake_if_idle();
    }

    /// Breaks invariant 1: checks for waiters before the end is counted.
    pub(in crate::drain) fn end_after_checking_for_waiters(&self) {
        let present = self.waiters.are_present();
        self.counts.end();
        if present && self.is_idle() {
            self.waiters.wake();
        }
    }
}

/// The tasks that wait until nothing is in flight. They are few and rare, but each may wait repeatedly.
///
/// A waiter keeps its place until it [leaves](Self::leave). A wake-up takes the waker out of the place, and the next
/// [`park`](Self::park) stores one again.
///
/// # Invariants
///
/// 1. `present` is incremented after the waker was stored, and decremented after it was removed.
/// 2. No waker is cloned, woken or dropped under the lock (see [`Lock`]).
#[derive(Debug, Default)]
struct Waiters {
    present: SeqCounter,
    places: Lock<Slab<Option<Waker>>>,
}

impl Waiters {
    #[inline]
    fn are_present(&self) -> bool {
        self.present.get() != 0
    }

    /// Stores the waker in the waiter's place. `key` is that place; a new one is written to it.
    fn park(&self, key: &mut Option<usize>, waker: &Waker) {
        match *key {
            Some(place) if self.is_parked(place, waker) => {}
            Some(place) => {
                let mut parked = Some(waker.clone());
                if let Some(slot) = self.places.lock().get_mut(place) {
                    mem::swap(slot, &mut parked);
                }
            }
            None => {
                let waker = waker.clone();
                *key = Some(self.places.lock().insert(Some(waker)));
                self.present.add();
            }
        }
    }

    fn leave(&self, key: &mut Option<usize>) {
        if let Some(place) = key.take() {
            let left = self.places.lock().try_remove(place);
            self.present.sub();
            drop(left);
        }
    }

    #[cold]
    fn wake(&self) {
        let woken: Vec<Waker> = self.places.lock().iter_mut().filter_map(|(_, place)| place.take()).collect();
        woken.into_iter().for_each(Waker::wake);
    }

    fn is_parked(&self, place: usize, waker: &Waker) -> bool {
        matches!(self.places.lock().get(place), Some(Some(parked)) if parked.will_wake(waker))
    }
}

#[cfg(test)]
#[cfg(not(ebbtide_loom))]
mod tests {
    use std::task::Waker;

    use super::TrackerState;

    #[test]
    fn after_the_last_waiter_has_left_an_end_only_reads_the_counter() {
        // Invariant 2.
        let state = TrackerState::new();
        let (mut first, mut second) = (None, None);
        state.park(&mut first, Waker::noop());
        state.park(&mut first, Waker::noop());
        state.park(&mut second, Waker::noop());
        state.leave(&mut first);
        assert!(state.waiters.are_present(), "the second still waits");
        state.leave(&mut second);
        state.leave(&mut second);
        assert!(!state.waiters.are_present());
    }

    #[test]
    fn the_tracker_state_has_the_documented_size() {
        assert!(size_of::<TrackerState>() <= 256);
    }
}
