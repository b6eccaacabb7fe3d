use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::receipt::RedisReceipt;

/// The deliveries that were given out and not yet settled. What is pending under our name beside them came in a reply
/// that never reached us.
#[derive(Debug, Default)]
pub(super) struct Held {
    entries: Mutex<HashSet<String>>,
}

impl Held {
    pub(super) fn add(&self, receipt: &RedisReceipt) {
        self.lock().insert(receipt.entry.clone());
    }

    pub(super) fn remove(&self, receipt: &RedisReceipt) {
        self.lock().remove(&receipt.entry);
    }

    pub(super) fn entries(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        // A set that somebody panicked over is still a set.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
