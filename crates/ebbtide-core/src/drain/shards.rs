//! The number of shards of a sharded type, and the assignment of threads to shards.

#[cfg(not(ebbtide_loom))]
pub(super) use threads::{shard_count, slot};

#[cfg(ebbtide_loom)]
pub(super) use modelled::{shard_count, slot};

#[cfg(not(ebbtide_loom))]
mod threads {
    use std::cell::Cell;
    use std::num::NonZero;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    const UNASSIGNED: usize = usize::MAX;

    thread_local! {
        // Constant and without a destructor: a read is one load, and works while the thread's other locals are dropped.
        static SLOT: Cell<usize> = const { Cell::new(UNASSIGNED) };
    }

    /// Returns how many shards a sharded type has: a power of two, twice the number of cores, from 4 up to `most`.
    ///
    /// Threads get their slots in the order of their first call. Twice the number of cores keeps the workers of one runtime in
    /// separate shards although the main thread, a watchdog and the blocking pool have slots too.
    pub(in crate::drain) fn shard_count(most: usize) -> usize {
        static CORES: OnceLock<usize> = OnceLock::new();
        let cores = *CORES.get_or_init(|| thread::available_parallelism().map_or(4, NonZero::get));
        (2 * cores).next_power_of_two().clamp(4, most)
    }

    /// Returns this thread's number, unique until the numbers wrap; take it modulo the number of shards.
    #[inline]
    pub(in crate::drain) fn slot() -> usize {
        let slot = SLOT.get();
        if slot == UNASSIGNED { assign() } else { slot }
    }

    #[cold]
    fn assign() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let slot = NEXT.fetch_add(1, Ordering::Relaxed) & (UNASSIGNED >> 1);
        SLOT.set(slot);
        slot
    }
}

/// A loom model runs all its threads on one OS thread, so the slot comes from loom's thread id.
#[cfg(ebbtide_loom)]
mod modelled {
    use std::hash::{Hash, Hasher};

    #[derive(Default)]
    struct LastNumber(u64);

    pub(in crate::drain) fn shard_count(_most: usize) -> usize {
        2
    }

    pub(in crate::drain) fn slot() -> usize {
        let mut number = LastNumber::default();
        loom::thread::current().id().hash(&mut number);
        usize::try_from(number.finish()).unwrap_or(0)
    }

    impl Hasher for LastNumber {
        fn finish(&self) -> u64 {
            self.0
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.first().copied().map_or(0, u64::from);
        }

        fn write_usize(&mut self, number: usize) {
            self.0 = number as u64;
        }
    }
}
