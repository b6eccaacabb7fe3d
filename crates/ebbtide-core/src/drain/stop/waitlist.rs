use std::task::Waker;
use std::{array, mem};

use crossbeam_utils::CachePadded;
use slab::Slab;

use super::state::Level;
use crate::drain::shards::{shard_count, slot};
use crate::drain::sync::Lock;

/// The maximum number of shards. More would reduce contention on parking on a very large machine, at 128 bytes each.
const MAX_SHARDS: usize = 32;

/// The wakers of the tasks that wait for a level. It must work for a million tasks.
///
/// A waiter parks in the shard of the thread that polls it, so that threads that park and leave do not contend. A waker takes
/// 16 bytes.
///
/// # Invariants
///
/// 1. A waker enters a level's list only under the shard's lock, and only after the level was seen not reached *under
///    that lock*.
/// 2. [`fire`](Self::fire) is called after the level was published. It takes each shard's list under the shard's lock.
///    So, for each shard, either the waiter locked first and its waker is among those taken, or `fire` locked first and the
///    waiter sees the level: no wake-up is lost.
/// 3. From 1 and 2: after a list was taken, it stays empty. An old key finds nothing, never another waiter's waker.
/// 4. No waker is cloned, woken or dropped under a lock (see [`Lock`]).
#[derive(Debug)]
pub(in crate::drain) struct WaitList {
    shards: Box<[CachePadded<Lock<Lists>>]>,
}

type Lists = [Slab<Waker>; Level::COUNT];

/// The place of a waiter's waker, valid until the waker is taken.
pub(in crate::drain) type Key = usize;

impl WaitList {
    pub(in crate::drain) fn new() -> Self {
        Self { shards: (0..shard_count(MAX_SHARDS)).map(|_| CachePadded::default()).collect() }
    }

    /// Parks a waker, or returns `None` if `reached` returns that the level is reached.
    pub(in crate::drain) fn park(
        &self,
        level: Level,
        waker: Waker,
        reached: impl FnOnce() -> bool,
    ) -> Option<Key> {
        let shard = slot() % self.shards.len();
        // The lock is released before `waker` is dropped: locals are dropped before parameters (invariant 4).
        let mut lists = self.shards[shard].lock();
        if reached() {
            return None;
        }
        Some(lists[level.index()].insert(waker) * self.shards.len() + shard)
    }

    /// Replaces the waiter's waker unless it wakes the same task. Returns `false` if the list was taken: the level is reached.
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

    /// Removes the waiter.
    pub(in crate::drain) fn leave(&self, level: Level, key: Key) {
        let (shard, index) = self.place(key);
        let parked = shard.lock()[level.index()].try_remove(index);
        drop(parked);
    }

    /// Wakes every task that waits for the level or one below it.
    pub(in crate::drain) fn fire(&self, level: Level) {
        let mut waking = Waking(self.shards.iter().flat_map(|shard| take(&mut shard.lock(), level)));
        waking.wake_remaining();
    }

    fn place(&self, key: Key) -> (&Lock<Lists>, usize) {
        (&self.shards[key % self.shards.len()], key / self.shards.len())
    }
}

/// Takes the wakers of a level and of those below it out of the lists.
fn take(lists: &mut Lists, level: Level) -> impl Iterator<Item = Waker> + use<> {
    let taken: Lists =
        array::from_fn(
            |index| {
                if index <= level.index() { mem::take(&mut lists[index]) } else { Slab::new() }
            },
        );
    taken.into_iter().flatten().map(|(_, waker)| waker)
}

/// Wakes the remaining wakers even if one of them panics: a waker is foreign code, and every waiter must be woken.
struct Waking<I: Iterator<Item = Waker>>(I);

impl<I: Iterator<Item = Waker>> Waking<I> {
    fn wake_remaining(&mut self) {
        self.0.by_ref().for_each(Waker::wake);
    }
}

impl<I: Iterator<Item = Waker>> Drop for Waking<I> {
    fn drop(&mut self) {
        self.wake_remaining();
    }
}
