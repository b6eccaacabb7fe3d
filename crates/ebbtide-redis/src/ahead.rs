use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ebbtide::adapter::clock;
use ebbtide::model::part;
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::entry::{Entry, RedisReceipt};

/// Entries that were read together with acknowledgements, until the next fetch takes them.
///
/// # Invariants
///
/// 1. A read begins only while reads are allowed, and for at most as many entries as are acknowledged with it.
/// 2. When [`end`](Self::end) has returned, no read is in progress and none will begin. All entries are pending at
///    the server for this consumer, and no copy is left in this process.
/// 3. After a request whose response was not seen, [`has_missed`](Self::has_missed) returns true until a caller with
///    [`alone`](Self::alone) has queried the pending entries. So the entries of such a response wait for the next
///    fetch, not for the end of their lease.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Older entries are not fetched: their lease is partly over, and was not renewed.
    fresh: Duration,
    allowed: AtomicBool,
    /// Readers hold it shared. The exclusive holder knows that no read is in progress.
    reading: RwLock<()>,
    entries: Mutex<VecDeque<(Instant, Entry)>>,
    arrived: Notify,
    missed: AtomicBool,
}

/// The permission to read ahead, until it is dropped.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    ahead: &'a Ahead,
    since: Instant,
    // Dropped first, so that the next exclusive holder sees it.
    asked: Asked<'a>,
    _among_others: RwLockReadGuard<'a, ()>,
}

/// The exclusive permission: no reader reads ahead until it is dropped.
#[derive(Debug)]
pub(super) struct Alone<'a> {
    ahead: &'a Ahead,
    since: Instant,
    _alone: RwLockWriteGuard<'a, ()>,
}

/// A request by which the server delivers jobs. If it is dropped without [its response](Self::answered), the jobs
/// count as missed.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    ahead: &'a Ahead,
}

impl Ahead {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            fresh: part(lease, 1, 3),
            allowed: AtomicBool::new(false),
            reading: RwLock::new(()),
            entries: Mutex::default(),
            arrived: Notify::new(),
            missed: AtomicBool::new(false),
        }
    }

    pub(super) fn allow(&self, allowed: bool) {
        self.allowed.store(allowed, Ordering::SeqCst);
    }

    /// Begins a read, if reads are allowed and no caller is [`alone`](Self::alone).
    pub(super) fn begin(&self) -> Option<Reading<'_>> {
        let among_others = self.reading.try_read().ok()?;
        // `end` forbids reads first, and waits then.
        let allowed = self.allowed.load(Ordering::SeqCst);
        let reading =
            || Reading { ahead: self, since: clock::now(), asked: self.asks(), _among_others: among_others };
        allowed.then(reading)
    }

    /// Notes that the server is asked for jobs.
    pub(super) const fn asks(&self) -> Asked<'_> {
        Asked { ahead: self }
    }

    /// Returns whether jobs may have been delivered in a response that was not seen.
    pub(super) fn has_missed(&self) -> bool {
        self.missed.load(Ordering::SeqCst)
    }

    /// Waits for the reads in progress. No read begins until the returned value is dropped.
    pub(super) async fn alone(&self) -> Alone<'_> {
        let alone = self.reading.write().await;
        Alone { ahead: self, since: clock::now(), _alone: alone }
    }

    /// Takes up to `max` entries.
    ///
    /// Entries that were here for too long are skipped: they are delivered again when their lease expires, to any
    /// consumer.
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
                ebbtide::adapter::log_warn!(
                    entry,
                    "prefetched entry not fetched within a third of its lease; it will be redelivered"
                );
            }
        }
        taken
    }

    /// Returns when there is an entry to take.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn arrived(&self) {
        loop {
            let arrived = self.arrived.notified();
            if !self.lock().is_empty() {
                return;
            }
            arrived.await;
        }
    }

    /// Forbids reads, waits for those in progress, and discards their entries: the caller must ask the server for
    /// them.
    pub(super) async fn end(&self) {
        self.allow(false);
        let _alone = self.alone().await;
        self.lock().clear();
    }

    fn keep(&self, since: Instant, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.lock().extend(entries.into_iter().map(|entry| (since, entry)));
            self.arrived.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Entry)>> {
        // The list is valid after each statement that changes it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading<'_> {
    /// Keeps the entries of a read. `all` says whether the response was complete.
    pub(super) fn keep(self, entries: Vec<Entry>, all: bool) {
        self.ahead.keep(self.since, entries);
        if all {
            self.asked.answered();
        }
    }
}

impl Alone<'_> {
    /// Returns the receipts of all entries.
    pub(super) fn known(&self) -> Vec<RedisReceipt> {
        self.ahead.lock().iter().map(|(_since, entry)| entry.receipt()).collect()
    }

    /// Keeps the other pending entries. No entry is missed any more.
    pub(super) fn found(self, entries: Vec<Entry>) {
        self.ahead.missed.store(false, Ordering::SeqCst);
        self.ahead.keep(self.since, entries);
    }
}

impl Asked<'_> {
    pub(super) fn answered(self) {
        std::mem::forget(self);
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.ahead.missed.store(true, Ordering::SeqCst);
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

    /// Otherwise a withdrawal could query the server before the server has processed the read.
    #[tokio::test]
    async fn ending_waits_for_a_read_in_progress_and_discards_its_entries() {
        let ahead = allowed();
        let reading = ahead.begin().unwrap();
        let mut end = pin!(ahead.end());
        assert!(timeout(Duration::ZERO, end.as_mut()).await.is_err());
        assert!(ahead.begin().is_none(), "no other one begins meanwhile");
        reading.keep(entries(3), true);
        end.await;
        assert_eq!((ahead.take(9), ahead.begin().is_some()), (Vec::new(), false));
    }

    #[tokio::test]
    async fn prefetched_entries_are_taken_in_order() {
        let ahead = allowed();
        let mut arrived = pin!(ahead.arrived());
        assert!(timeout(Duration::ZERO, arrived.as_mut()).await.is_err());
        ahead.begin().unwrap().keep(entries(3), true);
        arrived.await;
        assert_eq!((ahead.take(2), ahead.take(2)), (entries(2), entries(3).split_off(2)));
    }

    /// A response on its way would deliver the entries of the query a second time.
    #[tokio::test]
    async fn missed_entries_are_queried_only_while_no_read_is_in_progress() {
        let ahead = allowed();
        let reading = ahead.begin().unwrap();
        drop(ahead.begin().unwrap());
        assert!(ahead.has_missed());
        let mut alone = pin!(ahead.alone());
        assert!(timeout(Duration::ZERO, alone.as_mut()).await.is_err());
        reading.keep(entries(1), true);
        let alone = alone.await;
        assert_eq!((alone.known().len(), ahead.begin().is_some()), (1, false));
        alone.found(entries(3).split_off(1));
        assert_eq!((ahead.has_missed(), ahead.take(9)), (false, entries(3)));
        ahead.begin().unwrap().keep(Vec::new(), false);
        assert!(ahead.has_missed());
        ahead.asks().answered();
    }
}
