//! The synchronization types of the primitives: std's, or loom's in a build with `--cfg ebbtide_loom`.

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
        loom_fence();
    }

    pub(super) fn sub(&self) {
        self.0.fetch_sub(1, SeqCst);
        loom_fence();
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        let value = self.0.load(SeqCst);
        loom_fence();
        value
    }

    /// Adds one without a place in *S*: the models show that this loses wake-ups.
    #[cfg(all(test, ebbtide_loom))]
    pub(super) fn add_unordered(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
    }
}

/// Orders an access with the thread's next one in a model.
///
/// loom treats a sequentially consistent access as an acquire-release one; only its fences are sequentially consistent.
/// Accesses that all have their place in *S* are sequentially consistent among themselves, and so are accesses with a fence
/// between each two. With a fence after each access, a model has the interleavings of the real types.
#[inline]
fn loom_fence() {
    #[cfg(ebbtide_loom)]
    loom::sync::atomic::fence(SeqCst);
}

/// A mutex for short sections that run no foreign code: no waker is cloned, woken or dropped under it.
///
/// A waker's code may take the same lock (dropping the last waker of a task drops its future, which removes its waker from the
/// list), and it may panic. Neither can happen under the lock, so there is no poisoning to report.
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

/// loom has no `OnceLock`. This one stores the value in std's and returns it only to a thread that has seen it published, so a
/// missing happens-before edge becomes a missing value.
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

/// A handle that a future borrows or owns.
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
