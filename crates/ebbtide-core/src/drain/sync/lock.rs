#[cfg(not(ebbtide_loom))]
use std::sync::{Mutex, MutexGuard};

#[cfg(ebbtide_loom)]
use loom::sync::{Mutex, MutexGuard};

use std::sync::PoisonError;

/// A mutex for short sections that run no foreign code: no waker is cloned, woken or dropped under it.
///
/// A waker's code may come back for the same lock (dropping the last waker of a task drops its future, which takes its
/// own waker off the list), and it may panic. With neither possible under the lock, there is no poisoning to report.
#[derive(Debug, Default)]
pub(in crate::drain) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    #[cfg(not(ebbtide_loom))]
    pub(in crate::drain) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    pub(in crate::drain) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
