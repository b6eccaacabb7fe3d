use std::mem;
use std::task::Waker;

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::counts::Counts;
use crate::drain::sync::{Lock, SeqCounter, SeqFlag};

/// What a tracker, its guards and its waiters share: the counts, a door that can be closed, and who waits.
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
/// 3. *Nothing is admitted unseen.* [`enter`](Self::enter) counts the beginning and then looks at the door;
///    [`close`](Self::close) shuts the door, and only then can its caller ask whether nothing is in flight. If `enter`
///    found the door open, its look comes before the shutting in *S*, its beginning before that, and every question
///    after the shutting counts it.
/// 4. *Who was turned away is not counted as work*: `withdrawn` is raised before the end is, and both sums are told
///    less it.
/// 5. A close wakes who waits for it as an end does: in 1, read "ends and the close".
#[derive(Debug)]
pub(in crate::drain) struct TrackerState {
    counts: Counts,
    front: CachePadded<Front>,
}

/// Read on every end, written seldom.
#[derive(Debug, Default)]
struct Front {
    closed: SeqFlag,
    withdrawn: SeqCounter,
    waiters: Waiters,
}

impl TrackerState {
    pub(in crate::drain) fn new() -> Self {
        Self { counts: Counts::new(), front: CachePadded::default() }
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

    /// Begins a piece of work where the door is open.
    #[inline]
    pub(in crate::drain) fn enter(&self) -> bool {
        if self.is_closed() {
            return false;
        }
        self.begin();
        if self.is_closed() {
            self.withdraw();
            return false;
        }
        true
    }

    pub(in crate::drain) fn close(&self) {
        self.front.closed.raise();
        self.wake_if_idle();
    }

    #[inline]
    pub(in crate::drain) fn is_closed(&self) -> bool {
        self.front.closed.is_raised()
    }

    pub(in crate::drain) fn is_idle(&self) -> bool {
        self.counts.is_idle()
    }

    pub(in crate::drain) fn in_flight(&self) -> u64 {
        self.counts.in_flight()
    }

    pub(in crate::drain) fn begun(&self) -> u64 {
        self.counts.begun().saturating_sub(self.front.withdrawn.get())
    }

    pub(in crate::drain) fn ended(&self) -> u64 {
        self.counts.ended().saturating_sub(self.front.withdrawn.get())
    }

    pub(in crate::drain) fn park(&self, key: &mut Option<usize>, waker: &Waker) {
        self.front.waiters.park(key, waker);
    }

    pub(in crate::drain) fn leave(&self, key: &mut Option<usize>) {
        self.front.waiters.leave(key);
    }

    /// Opens the door again for a new owner. The old one is gone, and with it every guard and every waiter.
    #[cfg(not(ebbtide_loom))]
    pub(super) fn reopen(&self) {
        self.front.closed.reset();
    }

    #[inline]
    fn wake_if_idle(&self) {
        if self.front.waiters.are_present() && self.is_idle() {
            self.front.waiters.wake();
        }
    }

    #[cold]
    fn withdraw(&self) {
        self.front.withdrawn.add();
        self.end();
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
        let present = self.front.waiters.are_present();
        self.counts.end();
        if present && self.is_idle() {
            self.front.waiters.wake();
        }
    }

    /// Breaks invariant 3: the door is looked at before the beginning is counted, and not again.
    pub(in crate::drain) fn enter_without_a_second_look(&self) -> bool {
        if self.is_closed() {
            return false;
        }
        self.begin();
        true
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
        assert!(state.front.waiters.are_present(), "the second still waits");
        state.leave(&mut second);
        state.leave(&mut second);
        assert!(!state.front.waiters.are_present());
    }

    #[test]
    fn a_ledger_takes_what_the_tracker_documents() {
        assert!(size_of::<TrackerState>() <= 256);
    }
}
