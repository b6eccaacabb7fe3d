use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::conn::Conn;
use super::settings::Settings;
use crate::drain::{Arrivals, Stop, Work};
use crate::model::Straggler;
use crate::runtime::clock;

/// How many of the requests that were cut are remembered by name; all are counted.
const REMEMBERED: usize = 1000;

/// Knows every open connection of a server.
///
/// A request touches only its own connection's book; the ledger adds the books up when somebody asks.
#[derive(Default)]
pub(crate) struct Ledger {
    order: AtomicU8,
    entries: Mutex<Entries>,
    empty: Notify,
}

#[derive(Default)]
struct Entries {
    next: u64,
    open: HashMap<u64, Arc<Conn>>,
    finished: u64,
    cut: u64,
    cut_by_name: Vec<Straggler>,
}

/// What a server wants of its connections. Only ever raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    Serve,
    /// Finish what is in flight, then end; end when quiet.
    Drain,
    /// End as hyper does when asked to.
    Abrupt,
    /// End now.
    Cut,
}

/// What the connections of one `serve` call share.
pub(crate) struct Context {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) settings: Settings,
    pub(crate) arrivals: Arrivals,
    pub(crate) announced: Stop,
    pub(crate) stop: Stop,
}

impl Context {
    /// Tells whether the stop signal has come.
    #[inline]
    pub(crate) fn is_announced(&self) -> bool {
        self.announced.is_stopping() || self.stop.is_stopping()
    }
}

impl Ledger {
    pub(crate) fn order(&self) -> Order {
        match self.order.load(Ordering::SeqCst) {
            0 => Order::Serve,
            1 => Order::Drain,
            2 => Order::Abrupt,
            _ => Order::Cut,
        }
    }

    /// Raises the order and wakes every connection.
    pub(crate) fn raise(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::SeqCst);
        let wakers: Vec<_> = self.entries().open.values().filter_map(|conn| conn.book().waker()).collect();
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// Ends every connection now; what was in flight is counted and remembered as cut.
    pub(crate) fn cut_all(&self) {
        let now = clock::now();
        {
            let mut entries = self.entries();
            let Entries { open, cut, cut_by_name, .. } = &mut *entries;
            for conn in open.values() {
                let ended = conn.cut(now);
                *cut += ended.len() as u64;
                let room = REMEMBERED.saturating_sub(cut_by_name.len());
                cut_by_name.extend(ended.into_iter().take(room));
            }
        }
        self.raise(Order::Cut);
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

    pub(crate) fn enter(&self, make: impl FnOnce(u64) -> Arc<Conn>) -> Arc<Conn> {
        let mut entries = self.entries();
        let key = entries.next;
        entries.next += 1;
        let conn = make(key);
        entries.open.insert(key, Arc::clone(&conn));
        conn
    }

    pub(crate) fn leave(&self, key: u64, finished: u64) {
        let mut entries = self.entries();
        entries.finished += finished;
        let gone = entries.open.remove(&key);
        let empty = entries.open.is_empty();
        drop(entries);
        drop(gone);
        if empty {
            self.empty.notify_waiters();
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work for Ledger {
    fn in_flight(&self) -> u64 {
        self.entries().open.values().map(|conn| conn.book().in_flight()).sum()
    }

    fn finished(&self) -> u64 {
        let entries = self.entries();
        entries.finished + entries.open.values().map(|conn| conn.book().finished()).sum::<u64>()
    }

    fn cut(&self) -> u64 {
        self.entries().cut
    }

    /// Returns what is in flight now, oldest first, and behind it what was cut.
    fn stragglers(&self) -> Vec<Straggler> {
        let now = clock::now();
        let entries = self.entries();
        let open = entries.open.values();
        let mut all: Vec<_> = open.flat_map(|conn| conn.stragglers(now)).collect();
        all.sort_by_key(|straggler| std::cmp::Reverse(straggler.age));
        all.extend(entries.cut_by_name.iter().cloned());
        all
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("order", &self.order()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("settings", &self.settings).finish_non_exhaustive()
    }
}
