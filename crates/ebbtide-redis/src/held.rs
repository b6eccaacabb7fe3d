use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::receipt::RedisReceipt;

/// The deliveries that were given out and not yet settled. What is pending under our name beside them came in a reply
/// that never reached us.
///
/// They are told apart by the whole receipt: a job that we have taken over from ourselves, after an outage longer than its
/// lease, is here twice, and what becomes of the first delivery says nothing about the second.
#[derive(Debug, Default)]
pub(super) struct Held {
    receipts: Mutex<HashSet<RedisReceipt>>,
}

impl Held {
    pub(super) fn add(&self, receipt: &RedisReceipt) {
        self.lock().insert(receipt.clone());
    }

    pub(super) fn remove(&self, receipt: &RedisReceipt) {
        self.lock().remove(receipt);
    }

    pub(super) fn receipts(&self) -> Vec<RedisReceipt> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RedisReceipt>> {
        // A set that somebody panicked over is still a set.
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
