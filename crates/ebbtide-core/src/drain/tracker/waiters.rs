use std::mem;
use std::task::Waker;

use slab::Slab;

use crate::drain::sync::{Lock, SeqCounter};

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
pub(super) struct Waiters {
    present: SeqCounter,
    places: Lock<Slab<Option<Waker>>>,
}

impl Waiters {
    #[inline]
    pub(super) fn are_present(&self) -> bool {
        self.present.get() != 0
    }

    /// Puts the waker in the waiter's place, which `key` tells and remembers.
    pub(super) fn park(&self, key: &mut Option<usize>, waker: &Waker) {
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

    pub(super) fn leave(&self, key: &mut Option<usize>) {
        if let Some(place) = key.take() {
            let left = self.places.lock().try_remove(place);
            self.present.sub();
            drop(left);
        }
    }

    #[cold]
    pub(super) fn wake(&self) {
        let woken: Vec<Waker> = self.places.lock().iter_mut().filter_map(|(_, place)| place.take()).collect();
        woken.into_iter().for_each(Waker::wake);
    }

    fn is_parked(&self, place: usize, waker: &Waker) -> bool {
        matches!(self.places.lock().get(place), Some(Some(parked)) if parked.will_wake(waker))
    }
}
