use std::mem;
use std::task::Waker;

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::counts::Counts;
use crate::drain::sync::{Lock, SeqCounter};

/// What a tracker, its guards and its waiters share: the counts, and who waits.
///
/// # Invariants
///
/// *S* is the one order of all sequentially consistent accesses, see [`Counts`].
///
/// 1. *No wake-up is lost.* A waiter puts its waker in place, then raises `present`, then asks whether it is done. A
///    guard that is dropped counts its end, then looks at `present`, and, when somebody is there, asks whether nothing is
///    in flight and wakes. Suppose that from some instant on nothing is in flight. Take the last in *S* among the ends
///    and the raising of `present`. If it is the raising, the waiter's question comes after every end and finds the
///    tracker idle. If it is an end, the look at `present` comes after the raising, the question after every end, and the
///    waker is in place. A waiter that was there already replaces its waker under the lock under which wakers are taken:
///    either the guard takes the new one, or the waiter's question comes after the guard's end.
/// 2. *When nobody waits, that costs a load* of a line that nobody writes.
#[derive(Debug)]
pub(in crate::drain) struct TrackerState {
    counts: Counts,
    /// Read on every end, written seldom.
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

/// The mechanisms with one part taken out: each must fail in a model, or the model proves nothing.
#[cfg(all(test, ebbtide_loom))]
impl TrackerState {
    /// Breaks [`Counts`]' invariant 3: what has begun is read first.
    pub(in crate::drain) fn is_idle_begun_first(&self) -> bool {
        let begun = self.counts.begun();
        begun == self.counts.ended()
    }

    /// Breaks invariant 1: the end has no place in *S*.
    pub(in crate::drain) fn end_unordered(&self) {
        self.counts.end_unordered();
        self.wake_if_idle();
    }

    /// Breaks invariant 1: who waits is looked for before the end is counted.
    pub(in crate::drain) fn end_after_looking(&self) {
        let present = self.waiters.are_present();
        self.counts.end();
        if present && self.is_idle() {
            self.waiters.wake();
        }
    }
}

/// Who waits for nothing to be in flight: few, and seldom, but again and again.
///
/// A waiter keeps its place until it [leaves](Self::leave); a wake-up takes the waker out of it, and the next
/// [`park`](Self::park) puts one in again.
///
/// # Invariants
///
/// 1. `present` is raised after the waker is in its place, and lowered after it is out.
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

    /// Puts the waker in the waiter's place, which `key` tells and remembers.
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
    fn when_the_last_waiter_has_left_an_end_looks_no_further_again() {
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
    fn a_ledger_takes_what_the_tracker_documents() {
        assert!(size_of::<TrackerState>() <= 256);
    }
}
