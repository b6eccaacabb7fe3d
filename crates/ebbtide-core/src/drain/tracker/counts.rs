use crossbeam_utils::CachePadded;

use crate::drain::shards::{shard_count, slot};
use crate::drain::sync::SeqCounter;

/// The maximum number of shards: 128 bytes each.
const MAX_SHARDS: usize = 128;

/// How many pieces of work have begun and ended, counted on a separate cache line for each thread.
///
/// A piece of work may end on another thread than it began on; each thread counts what *it* does. So a shard's two
/// counters do not match, only the sums over all shards do, and no sum can be read at one instant.
///
/// # Invariants
///
/// All accesses are sequentially consistent and so have one order, *S*, on which all threads agree. An instant is a
/// place in *S*.
///
/// 1. Both counters of each shard only grow.
/// 2. The beginning of a piece of work comes before its end: by program order on one thread, and on two threads by the
///    happens-before edge of the operation that moved the guard between them. *S* agrees with both. So at each instant
///    *ended ≤ begun*, in the sums.
/// 3. [`is_idle`](Self::is_idle) reads every `ended`, and then every `begun`. Let *t* be the instant between. By 1, the ended sum
///    it read is at most *ended(t)*, and the begun sum it read is at least *begun(t)*. If the two sums are equal, then
///    *begun(t) ≤ begun read = ended read ≤ ended(t) ≤ begun(t)*: at *t*, nothing was in flight. (In the opposite order, a piece
///    that ends on a shard not yet read hides one that began on a shard already read.)
/// 4. Every end before that instant happens before the return of `is_idle`: the load that read it acquires.
#[derive(Debug)]
pub(in crate::drain) struct Counts {
    shards: Box<[CachePadded<CountShard>]>,
}

#[derive(Debug, Default)]
struct CountShard {
    begun: SeqCounter,
    ended: SeqCounter,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self { shards: (0..shard_count(MAX_SHARDS)).map(|_| CachePadded::default()).collect() }
    }

    #[inline]
    pub(super) fn begin(&self) {
        self.own().begun.add();
    }

    #[inline]
    pub(super) fn end(&self) {
        self.own().ended.add();
    }

    pub(in crate::drain) fn begun(&self) -> u64 {
        self.shards.iter().map(|shard| shard.begun.get()).sum()
    }

    pub(in crate::drain) fn ended(&self) -> u64 {
        self.shards.iter().map(|shard| shard.ended.get()).sum()
    }

    pub(super) fn in_flight(&self) -> u64 {
        // The order is required by invariant 3; the difference cannot be negative.
        let ended = self.ended();
        self.begun().saturating_sub(ended)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight() == 0
    }

    #[inline]
    fn own(&self) -> &CountShard {
        // The number of shards is a power of two.
        &self.shards[slot() & (self.shards.len() - 1)]
    }

    /// Ends a piece of work without a place in *S*: the models show that this loses wake-ups.
    #[cfg(all(test, ebbtide_loom))]
    pub(super) fn end_unordered(&self) {
        self.own().ended.add_unordered();
    }
}
