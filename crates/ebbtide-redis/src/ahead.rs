use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ebbtide::adapter::clock;
use ebbtide::model::part;
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::entry::{Entry, RedisReceipt};

/// What was read in the breath in which other jobs were acknowledged, until the next fetch takes it.
///
/// # Invariants
///
/// 1. Reads are begun only while they are allowed, and for no more entries than are acknowledged with them.
/// 2. When [`end`](Self::end) has returned, no read is under way and none will begin. Whatever there was is pending with
///    the server under our name, and nobody else here knows of it.
/// 3. After a question whose answer nobody has seen, [`has_missed`](Self::has_missed) says so until somebody who was
///    [`alone`](Self::alone) has looked at what is pending: what such an answer brought waits for the next fetch, and not
///    for the end of its lease.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Nobody looks for entries that are older: their lease is well under way, and has nobody who keeps it.
    fresh: Duration,
    allowed: AtomicBool,
    /// Held by those who read; whoever has it alone knows that there are none.
    reading: RwLock<()>,
    entries: Mutex<VecDeque<(Instant, Entry)>>,
    arrived: Notify,
    missed: AtomicBool,
}

/// The right to read ahead, until it is dropped.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    ahead: &'a Ahead,
    since: Instant,
    // Dropped first: whoever is alone then knows of it.
    asked: Asked<'a>,
    _among_others: RwLockReadGuard<'a, ()>,
}

/// The knowledge that nobody reads ahead, until it is dropped.
#[derive(Debug)]
pub(super) struct Alone<'a> {
    ahead: &'a Ahead,
    since: Instant,
    _alone: RwLockWriteGuard<'a, ()>,
}

/// A question that the server answers by giving out jobs. Dropped without [its answer](Self::answered), they are missed.
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

    /// Begins to read, if that is allowed, and nobody is alone.
    pub(super) fn begin(&self) -> Option<Reading<'_>> {
        let among_others = self.reading.try_read().ok()?;
        // Whoever ends the reading forbids it first, and waits then.
        let allowed = self.allowed.load(Ordering::SeqCst);
        let reading =
            || Reading { ahead: self, since: clock::now(), asked: self.asks(), _among_others: among_others };
        allowed.then(reading)
    }

    /// Notes that the server is asked for jobs.
    pub(super) const fn asks(&self) -> Asked<'_> {
        Asked { ahead: self }
    }

    /// Returns whether there may be jobs that were given to us in an answer that nobody has seen.
    pub(super) fn has_missed(&self) -> bool {
        self.missed.load(Ordering::SeqCst)
    }

    /// Waits for those who read. Nobody begins until it is dropped.
    pub(super) async fn alone(&self) -> Alone<'_> {
        let alone = self.reading.write().await;
        Alone { ahead: self, since: clock::now(), _alone: alone }
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
                ebbtide::adapter::log_warn!(
                    entry,
                    "prefetched entry not fetched within a third of its lease; it will be redelivered"
                );
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

    /// Forbids reading, waits for those who do, and forgets what they brought: the server is to be asked for it.
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
        // The list is whole after each statement that changes it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading<'_> {
    /// Keeps what was read, and notes whether that is all.
    pub(super) fn keep(self, entries: Vec<Entry>, all: bool) {
        self.ahead.keep(self.since, entries);
        if all {
            self.asked.answered();
        }
    }
}

impl Alone<'_> {
    /// Returns what is here.
    pub(super) fn known(&self) -> Vec<RedisReceipt> {
        self.ahead.lock().iter().map(|(_since, entry)| entry.receipt()).collect()
    }

    /// Keeps what is pending beside: nothing is missed any more.
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

    /// Otherwise a withdrawal could ask the server before it has read what is withdrawn.
    #[tokio::test]
    async fn the_end_waits_for_a_read_under_way_and_leaves_nothing_here() {
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
    async fn what_is_read_arrives_and_is_taken_in_its_order() {
        let ahead = allowed();
        let mut arrived = pin!(ahead.arrived());
        assert!(timeout(Duration::ZERO, arrived.as_mut()).await.is_err());
        ahead.begin().unwrap().keep(entries(3), true);
        arrived.await;
        assert_eq!((ahead.take(2), ahead.take(2)), (entries(2), entries(3).split_off(2)));
    }

    /// An answer that is on its way would bring what is found by a look at what is pending a second time.
    #[tokio::test]
    async fn what_was_missed_is_looked_for_when_nobody_reads() {
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
