use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::conn::{Conn, EndedBy};
use super::settings::ServerContext;
use crate::drain::{Work, WorkCounts};
use crate::model::{Straggler, part};
use crate::util::clock;

/// How many of the requests that were cancelled, or whose peer stalled, are recorded by name; all are counted.
const MAX_RECORDED: usize = 1000;

/// How many connections are woken at a time.
const BATCH: usize = 256;

/// Holds every open connection of a server.
///
/// A request touches only its connection's state; the counts are summed when they are read.
#[derive(Default)]
pub(crate) struct ConnRegistry {
    order: AtomicU8,
    announced_at: OnceLock<Instant>,
    draining_since: OnceLock<Instant>,
    /// The maximum time that a peer may make no progress, whatever the settings are.
    longest_stall: OnceLock<Duration>,
    entries: Mutex<Entries>,
    empty: Notify,
}

#[derive(Default)]
struct Entries {
    next: u64,
    /// In the order of their acceptance: then a pass over all of them, and their ends after it, find most of their memory
    /// side by side.
    open: BTreeMap<u64, Arc<Conn>>,
    /// The counts of closed connections.
    closed: WorkCounts,
    /// What was cancelled, and what ended because its peer stalled.
    ended: Vec<Straggler>,
    /// The task that accepts connections, while the maximum number is reached.
    acceptor: Option<Waker>,
}

impl ConnRegistry {
    #[inline]
    pub(crate) fn order(&self) -> Order {
        Order::from_u8(self.order.load(Ordering::SeqCst))
    }

    /// Raises the order and wakes the tasks that it affects.
    pub(crate) fn raise(&self, order: Order) {
        match order {
            Order::Announce => drop(self.announced_at()),
            Order::Drain => drop(self.draining_since()),
            _ => {}
        }
        self.order.fetch_max(order as u8, Ordering::SeqCst);
        // In batches: other threads run the first tasks while this one wakes the rest, and a connection that ends waits
        // for one batch at most. A connection that is added meanwhile reads the order itself.
        let mut next = Some(0);
        while let Some(from) = next {
            let mut wakers = Vec::new();
            {
                let entries = self.entries();
                let mut batch = entries.open.range(from..);
                batch.by_ref().take(BATCH).for_each(|(_, conn)| conn.raise(order, &mut wakers));
                next = batch.next().map(|(key, _)| *key);
            }
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Begins the draining, for which this much time is left: a peer that stalls from its start is ended before that
    /// time has passed.
    pub(crate) fn drain(&self, time_left: Option<Duration>) {
        if let Some(left) = time_left {
            let _ = self.longest_stall.set(part(left, 1, 2)); // set once: the draining begins once
        }
        self.raise(Order::Drain);
    }

    /// Parks the connections that have been idle for `every` or longer, as long as this is polled.
    pub(crate) async fn park_idle(&self, every: Duration) -> Infallible {
        loop {
            tokio::time::sleep(every).await;
            let mut next = Some(0);
            while let Some(from) = next {
                let mut wakers = Vec::new();
                {
                    let entries = self.entries();
                    let mut batch = entries.open.range(from..);
                    wakers.extend(batch.by_ref().take(BATCH).filter_map(|(_, conn)| conn.park()));
                    next = batch.next().map(|(key, _)| *key);
                }
                wakers.into_iter().for_each(Waker::wake);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Ends WebSockets whose peers do not answer the server's close frame, as long as this is polled.
    pub(crate) async fn end_unanswered_closes(&self, context: &ServerContext) -> Infallible {
        const OFTEN: Duration = Duration::from_millis(10);
        const LONGEST_INTERVAL: Duration = Duration::from_millis(250);
        loop {
            tokio::time::sleep(part(context.stall(), 1, 8).clamp(OFTEN, LONGEST_INTERVAL)).await;
            let open: Vec<_> = self.entries().open.values().map(Arc::clone).collect();
            let now = clock::now();
            open.iter().for_each(|conn| conn.end_unanswered_close(now, context.stall()));
        }
    }

    /// Returns the maximum time that a peer may make no progress, whatever the settings are.
    pub(crate) fn longest_stall(&self) -> Duration {
        self.longest_stall.get().copied().unwrap_or(Duration::MAX)
    }

    /// Returns when the stop signal was first seen.
    pub(crate) fn announced_at(&self) -> Instant {
        *self.announced_at.get_or_init(clock::now)
    }

    /// Returns when the draining began.
    pub(crate) fn draining_since(&self) -> Instant {
        *self.draining_since.get_or_init(clock::now)
    }

    /// Records by name what was cancelled, or ended because its peer stalled.
    pub(crate) fn record_ended(&self, ended: Vec<Straggler>) {
        self.entries().record_ended(ended);
    }

    /// Ends every connection now; what was in flight is counted and recorded as cancelled.
    pub(crate) fn cancel_all(&self) {
        let now = clock::now();
        // From here on a connection that ends on another path counts what it had in flight, as does a stream.
        self.order.fetch_max(Order::Cancel as u8, Ordering::SeqCst);
        let mut wakers = Vec::new();
        {
            let mut entries = self.entries();
            let open: Vec<_> = entries.open.values().map(Arc::clone).collect();
            for conn in open {
                conn.state().wakers(Order::Cancel, &mut wakers);
                entries.record_ended(conn.end_all(EndedBy::Deadline, now));
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until no connection is open.
    pub(crate) async fn emptied(&self) {
        loop {
            let empty = self.empty.notified();
            if self.entries().open.is_empty() {
                return;
            }
            empty.await;
        }
    }

    /// Returns whether one more connection may be open. If not, wakes the task when that changes.
    pub(crate) fn has_room(&self, limit: NonZeroUsize, waker: &Waker) -> bool {
        let mut entries = self.entries();
        let has_room = entries.open.len() < limit.get();
        if !has_room {
            entries.acceptor = Some(waker.clone());
        }
        has_room
    }

    pub(crate) fn enter(&self, make: impl FnOnce(u64) -> Arc<Conn>) -> Arc<Conn> {
        let mut entries = self.entries();
        let key = entries.next;
        entries.next += 1;
        let conn = make(key);
        entries.open.insert(key, Arc::clone(&conn));
        conn
    }

    pub(crate) fn leave(&self, key: u64, counts: &WorkCounts) {
        let mut entries = self.entries();
        entries.closed.add(counts);
        let gone = entries.open.remove(&key);
        let empty = entries.open.is_empty();
        let acceptor = entries.acceptor.take();
        drop(entries);
        drop(gone);
        if let Some(acceptor) = acceptor {
            acceptor.wake();
        }
        if empty {
            self.empty.notify_waiters();
        }
    }

    /// Returns how many open connections are parked.
    #[cfg(test)]
    pub(super) fn parked(&self) -> usize {
        self.entries().open.values().filter(|conn| conn.state().is_parked()).count()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn record_ended(&mut self, ended: Vec<Straggler>) {
        let room = MAX_RECORDED.saturating_sub(self.ended.len());
        self.ended.extend(ended.into_iter().take(room));
    }
}

impl Work for ConnRegistry {
    fn in_flight(&self) -> u64 {
        self.counts().in_flight
    }

    fn finished(&self) -> u64 {
        self.counts().finished
    }

    fn cancelled(&self) -> u64 {
        self.counts().cancelled
    }

    fn counts(&self) -> WorkCounts {
        let entries = self.entries();
        let mut counts = entries.closed;
        entries.open.values().for_each(|conn| counts.add(&conn.state().counts()));
        counts
    }

    /// The order guards every response body, also those that begin later.
    fn prepare_for_exit(&self) {
        self.raise(Order::Announce);
    }

    /// Returns what is in flight now, oldest first, followed by what was cancelled and what ended because its peer
    /// stalled.
    fn stragglers(&self) -> Vec<Straggler> {
        let now = clock::now();
        let entries = self.entries();
        let open = entries.open.values();
        let mut all: Vec<_> = open.flat_map(|conn| conn.stragglers(now)).collect();
        all.sort_by_key(|straggler| std::cmp::Reverse(straggler.age));
        all.extend(entries.ended.iter().cloned());
        all
    }
}

impl fmt::Debug for ConnRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnRegistry").field("order", &self.order()).finish_non_exhaustive()
    }
}

/// What a server requires of its connections. Only ever raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Continue.
    Serve,
    /// Continue, and announce the close to the peers, each at a different time.
    Announce,
    /// Finish what is in flight, then end; end when quiet.
    Drain,
    /// Answer requests that have no response yet, in place of their handlers; they are cancelled soon.
    Refuse,
    /// End as hyper does when asked to.
    Abrupt,
    /// End now.
    Cancel,
}

impl Order {
    pub(super) fn from_u8(order: u8) -> Self {
        match order {
            0 => Self::Serve,
            1 => Self::Announce,
            2 => Self::Drain,
            3 => Self::Refuse,
            4 => Self::Abrupt,
            _ => Self::Cancel,
        }
    }

    /// Returns whether connections end in an orderly way.
    pub(super) fn is_draining(self) -> bool {
        matches!(self, Self::Drain | Self::Refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_decodes_from_its_number() {
        for order in
            [Order::Serve, Order::Announce, Order::Drain, Order::Refuse, Order::Abrupt, Order::Cancel]
        {
            assert_eq!(Order::from_u8(order as u8), order);
        }
    }
}
