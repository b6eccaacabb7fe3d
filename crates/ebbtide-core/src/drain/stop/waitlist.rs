use std::task::Waker;
use std::{array, mem};

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::state::Level;
use crate::drain::shards::{shard_count, slot};
use crate::drain::sync::Lock;

/// The most shards a list has. More would spare a very large machine some contention on parking, at 128 bytes each.
const MOST_SHARDS: usize = 32;

/// Who waits for a level, a million tasks if need be.
///
/// A waiter parks in the shard of the thread that polls it, so that threads which park and leave don't contend. A waker
/// takes 16 bytes.
///
/// # Invariants
///
/// 1. A waker enters a level's list only under the shard's lock, and only after the level was seen not reached *under
///    that lock*.
/// 2. [`fire`](Self::fire) is called after the level was published. It takes each shard's list under the shard's lock.
///    So, for each shard, either the waiter locked first and its waker is among the taken, or `fire` did, and the waiter
///    sees the level: no wake-up is lost.
/// 3. From 1 and 2: once taken, a list stays empty. A key from before finds nothing, never another waiter's waker.
/// 4. No waker is cloned, woken or dropped under a lock (see [`Lock`]).
#[derive(Debug)]
pub(in crate::drain) struct WaitList {
    shards: Box<[CachePadded<Lock<Lists>>]>,
}

type Lists = [Slab<Waker>; Level::COUNT];

/// Where a waiter's waker is, until it has been taken.
pub(in crate::drain) type Key = usize;

impl WaitList {
    pub(in crate::drain) fn new() -> Self {
        Self { shards: (0..shard_count(MOST_SHARDS)).map(|_| CachePadded::default()).collect() }
    }

    /// Parks a waker, or returns `None` where `reached` says that there is nothing to wait for.
    pub(in crate::drain) fn park(
        &self,
        level: Level,
        waker: Waker,
        reached: impl FnOnce() -> bool,
    ) -> Option<Key> {
        let shard = slot() % self.shards.len();
        // Of the two, the lock is let go first: locals are dropped before parameters (invariant 4).
        let mut lists = self.shards[shard].lock();
        if reached() {
            return None;
        }
        Some(lists[level.index()].insert(waker) * self.shards.len() + shard)
    }

    /// Makes the waiter's place wake what `waker` wakes. Returns `false` when the list was taken: the level is reached.
    pub(in crate::drain) fn refresh(&self, level: Level, key: Key, waker: &Waker) -> bool {
        let (shard, index) = self.place(key);
        match shard.lock()[level.index()].get(index) {
            None => return false,
            Some(parked) if parked.will_wake(waker) => return true,
            Some(_) => {}
        }
        let mut replacement = waker.clone();
        match shard.lock()[level.index()].get_mut(index) {
            None => false,
            Some(parked) => {
                mem::swap(parked, &mut replacement);
                true
            }
        }
    }

    /// Forgets the waiter.
    pub(in crate::drain) fn leave(&self, level: Level, key: Key) {
        let (shard, index) = self.place(key);
        let parked = shard.lock()[level.index()].try_remove(index);
        drop(parked);
    }

    /// Wakes all who wait for the level or one below it.
    pub(in crate::drain) fn fire(&self, level: Level) {
        let mut waking = Waking(self.shards.iter().flat_map(|shard| take(&mut shard.lock(), level)));
        waking.wake_rest();
    }

    fn place(&self, key: Key) -> (&Lock<Lists>, usize) {
        (&self.shards[key % self.shards.len()], key / self.shards.len())
    }
}

/// Takes out the lists of a level and of those below it.
fn take(lists: &mut Lists, level: Level) -> impl Iterator<Item = Waker> + use<> {
    let taken: Lists =
        array::from_fn(
            |index| {
                if index <= level.index() { mem::take(&mut lists[index]) } else { Slab::new() }
            },
        );
    taken.into_iter().flatten().map(|(_, waker)| waker)
}

/// Wakes the rest although one of them panics: a waker is foreign code, and the others were promised to be woken.
struct Waking<I: Iterator<Item = Waker>>(I);

impl<I: Iterator<Item = Waker>> Waking<I> {
    fn wake_rest(&mut self) {
        self.0.by_ref().for_each(Waker::wake);
    }
}

impl<I: Iterator<Item = Waker>> Drop for Waking<I> {
    fn drop(&mut self) {
        self.wake_rest();
    }
}
