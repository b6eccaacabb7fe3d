use std::sync::atomic::Ordering::SeqCst;

#[cfg(not(ebbtide_loom))]
pub(in crate::drain) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};

#[cfg(ebbtide_loom)]
pub(in crate::drain) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};

/// A counter whose every access is sequentially consistent.
///
/// All accesses to all `SeqCounter`s and [`SeqFlag`]s have one order on which all threads agree (C++20
/// `[atomics.order]`, which Rust's memory model is); the invariants of the tracker call it *S*.
#[derive(Debug, Default)]
pub(in crate::drain) struct SeqCounter(AtomicU64);

/// A flag that is raised for good, and whose every access has its place in *S*.
#[derive(Debug, Default)]
pub(in crate::drain) struct SeqFlag(AtomicBool);

impl SeqCounter {
    #[inline]
    pub(in crate::drain) fn add(&self) {
        self.0.fetch_add(1, SeqCst);
        modelled_fence();
    }

    pub(in crate::drain) fn sub(&self) {
        self.0.fetch_sub(1, SeqCst);
        modelled_fence();
    }

    #[inline]
    pub(in crate::drain) fn get(&self) -> u64 {
        let value = self.0.load(SeqCst);
        modelled_fence();
        value
    }

    /// Adds one without a place in *S*: what the models show to lose wake-ups.
    #[cfg(all(test, ebbtide_loom))]
    pub(in crate::drain) fn add_unordered(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
    }
}

impl SeqFlag {
    pub(in crate::drain) fn raise(&self) {
        self.0.swap(true, SeqCst);
        modelled_fence();
    }

    /// Lowers the flag again, for a new owner: nobody else may be looking at it.
    #[cfg(not(ebbtide_loom))]
    pub(in crate::drain) fn reset(&self) {
        self.0.store(false, SeqCst);
    }

    #[inline]
    pub(in crate::drain) fn is_raised(&self) -> bool {
        let value = self.0.load(SeqCst);
        modelled_fence();
        value
    }
}

/// Orders an access with the thread's next one in a model.
///
/// loom takes a sequentially consistent access for an acquire-release one and knows only fences to be more. Accesses that
/// all have their place in *S* are sequentially consistent among themselves, and so are accesses with a fence between
/// each two: with one after each access, a model has the interleavings that the real types have.
#[inline]
fn modelled_fence() {
    #[cfg(ebbtide_loom)]
    loom::sync::atomic::fence(SeqCst);
}
