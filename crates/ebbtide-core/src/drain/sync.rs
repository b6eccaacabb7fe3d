//! What the primitives are built from: std's types, or loom's in a build with `--cfg ebbtide_loom`.

use std::ops::Deref;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;

#[cfg(not(ebbtide_loom))]
use std::sync::{Mutex, MutexGuard};

#[cfg(ebbtide_loom)]
use loom::sync::{Mutex, MutexGuard};

#[cfg(not(ebbtide_loom))]
pub(super) use std::sync::OnceLock;
#[cfg(not(ebbtide_loom))]
pub(super) use std::sync::atomic::{AtomicU8, AtomicU64};

#[cfg(ebbtide_loom)]
pub(super) use loom::sync::atomic::{AtomicU8, AtomicU64};
#[cfg(ebbtide_loom)]
pub(super) use modelled::OnceLock;

/// A counter whose every access is sequentially consistent.
///
/// All accesses to all `SeqCounter`s have one order on which all threads agree (C++20
/// `[atomics.order]`, which Rust's memory model is); the invariants of the tracker call it *S*.
#[derive(Debug, Default)]
pub(super) struct SeqCounter(AtomicU64);

impl SeqCounter {
    #[inline]
    pub(super) fn add(&self) {
        self.0.fetch_add(1, SeqCst);
        modelled_fence();
    }

    pub(super) fn sub(&self) {
        self.0.fetch_sub(1, SeqCst);
        modelled_fence();
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        let value = self.0.load(SeqCst);
        modelled_fence();
        value
    }

    /// Adds one without a place in *S*: what the models show to lose wake-ups.
    #[cfg(all(test, ebbtide_loom))]
    pub(super) fn add_unordered(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
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

/// A mutex for short sections that run no foreign code: no waker is cloned, woken or dropped under it.
///
/// A waker's code may come back for the same lock (dropping the last waker of a task drops its future, which takes its
/// own waker off the list), and it may panic. With neither possible under the lock, there is no poisoning to report.
#[derive(Debug, Default)]
pub(super) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    #[cfg(not(ebbtide_loom))]
    pub(super) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// loom has no `OnceLock`. This one holds the value in std's, and shows it only to who has seen it published, so that a
/// missing happens-before edge shows as a missing value.
#[cfg(ebbtide_loom)]
mod modelled {
    use std::sync::atomic::Ordering::{Acquire, Release};

    use loom::sync::atomic::AtomicBool;

    #[derive(Debug, Default)]
    pub(in crate::drain) struct OnceLock<T> {
        published: AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(in crate::drain) fn new() -> Self {
            Self { published: AtomicBool::new(false), value: std::sync::OnceLock::new() }
        }

        pub(in crate::drain) fn get(&self) -> Option<&T> {
            if self.published.load(Acquire) { self.value.get() } else { None }
        }

        pub(in crate::drain) fn set(&self, value: T) -> Result<(), T> {
            let set = self.value.set(value);
            self.published.store(true, Release);
            set
        }

        pub(in crate::drain) fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
            let value = self.value.get_or_init(init);
            self.published.store(true, Release);
            value
        }
    }
}

/// What a future waits on: borrowed from its owner, or a handle of the future's own.
#[derive(Debug)]
pub(super) enum MaybeOwned<'a, T> {
    Borrowed(&'a T),
    Owned(T),
}

impl<T> Deref for MaybeOwned<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Borrowed(value) => value,
            Self::Owned(value) => value,
        }
    }
}
