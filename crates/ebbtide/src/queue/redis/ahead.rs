use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, RwLock, RwLockReadGuard};

use super::entry::Entry;
use crate::runtime::clock;

/// What was read in the breath in which other jobs were acknowledged, until the next fetch takes it.
///
/// # Invariants
///
/// 1. Reads are begun only while they are allowed, and for no more entries than are acknowledged with them.
/// 2. When [`end`](Self::end) has returned, no read is under way and none will begin. Whatever there was is pending with
///    the server under our name, and nobody else here knows of it.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Nobody looks for entries that are older: their lease is well under way, and has nobody who keeps it.
    fresh: Duration,
    allowed: AtomicBool,
    /// Held by those who read; whoever has it alone knows that there are none.
    reading: RwLock<()>,
    entries: Mutex<VecDeque<(Instant, Entry)>>,
    arrived: Notify,
}

/// The right to read ahead, until it is dropped.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    ahead: &'a Ahead,
    since: Instant,
    _alone: RwLockReadGuard<'a, ()>,
}

impl Ahead {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            fresh: lease / 3,
            allowed: AtomicBool::new(false),
            reading: RwLock::new(()),
            entries: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    pub(super) fn allow(&self, allowed: bool) {
        self.allowed.store(allowed, Ordering::SeqCst);
    }

    /// Begins to read, if that is allowed.
    pub(super) async fn begin(&self) -> Option<Reading<'_>> {
        if !self.allowed.load(Ordering::SeqCst) {
            return None;
        }
        let alone = self.reading.read().await;
        // Whoever ends the reading forbids it first, and waits then.
        let reading = Reading { ahead: self, since: clock::now(), _alone: alone };
        self.allowed.load(Ordering::SeqCst).then_some(reading)
    }

    /// Takes up to `max` entries.
    ///
    /// What has lain here for long is left to its lease: it comes again when that has run out, to whomever.
    pub(super) fn take(&self, max: usize) -> Vec<Entry> {
        let (now, mut taken) = (clock::now(), Vec::new());
        let mut entries = self.lock();
        while taken.len() < max
            && let Some((since, entry)) = entries.pop_front()
        {
            if now.saturating_duration_since(since) < self.fresh {
                taken.push(entry);
            } else {
                let entry = entry.receipt().entry;
                tracing::warn!(entry, "read ahead and not fetched for a third of its lease: left to it");
            }
        }
        taken
    }

    /// Returns when there is something to take.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn arrived(&self) {
        loop {
            let arrived = self.arrived.notified();
            if !self.lock().is_empty() {
                return;
            }
            arrived.await;
        }
    }

    /// Forbids reading, waits for those who do, and forgets what they brought.
    pub(super) async fn end(&self) {
        self.allow(false);
        let _alone = self.reading.write().await;
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Entry)>> {
        // The list is whole after each statement that changes it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading<'_> {
    /// Keeps what was read.
    pub(super) fn keep(self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.ahead.lock().extend(entries.into_iter().map(|entry| (self.since, entry)));
            self.ahead.arrived.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::timeout;

    use super::*;

    fn entries(count: u32) -> Vec<Entry> {
        (0..count).map(|n| Entry::new(format!("{n}-0"), Vec::new())).collect()
    }

    fn allowed() -> Ahead {
        let ahead = Ahead::new(Duration::from_secs(30));
        ahead.allow(true);
        ahead
    }

    /// Otherwise a withdrawal could ask the server before it has read what is withdrawn.
    #[tokio::test]
    async fn the_end_waits_for_a_read_under_way_and_leaves_nothing_here() {
        let ahead = allowed();
        let reading = ahead.begin().await.unwrap();
        let mut end = pin!(ahead.end());
        assert!(timeout(Duration::ZERO, end.as_mut()).await.is_err());
        assert!(ahead.begin().await.is_none(), "no other one begins meanwhile");
        reading.keep(entries(3));
        end.await;
        assert_eq!((ahead.take(9), ahead.begin().await.is_some()), (Vec::new(), false));
    }

    #[tokio::test]
    async fn what_is_read_arrives_and_is_taken_in_its_order() {
        let ahead = allowed();
        let mut arrived = pin!(ahead.arrived());
        assert!(timeout(Duration::ZERO, arrived.as_mut()).await.is_err());
        ahead.begin().await.unwrap().keep(entries(3));
        arrived.await;
        assert_eq!((ahead.take(2), ahead.take(2)), (entries(2), entries(3).split_off(2)));
    }
}
