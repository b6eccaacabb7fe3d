use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::conn::{Conn, EndedBy};
use super::order::Order;
use super::settings::Settings;
use super::spread::share;
use crate::drain::{Arrivals, Stop, Work, WorkCounts};
use crate::model::{Straggler, part};
use crate::runtime::clock;

/// How many of the requests that were cut, or whose peer stalled, are remembered by name; all are counted.
const REMEMBERED: usize = 1000;

/// Knows every open connection of a server.
///
/// A request touches only its own connection's book; the ledger adds the books up when somebody asks.
#[derive(Default)]
pub(crate) struct Ledger {
    order: AtomicU8,
    announced_at: OnceLock<Instant>,
    draining_since: OnceLock<Instant>,
    /// How long a peer may make no progress at most, whatever the settings say.
    longest_stall: OnceLock<Duration>,
    entries: Mutex<Entries>,
    empty: Notify,
}

#[derive(Default)]
struct Entries {
    next: u64,
    open: HashMap<u64, Arc<Conn>>,
    /// Of the connections that are closed.
    closed: WorkCounts,
    /// What was cut, and what ended because its peer stalled.
    ended: Vec<Straggler>,
    /// The task that accepts connections, while there are as many as may be.
    acceptor: Option<Waker>,
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

    /// Tells whether the connection with this key tells its peer now that it will end. Asked only once the stop signal
    /// has come: it may look at the clock.
    pub(crate) fn announces(&self, key: u64) -> bool {
        match self.ledger.order() {
            _ if !self.settings.is_orderly() => false,
            Order::Serve | Order::Announce => self.announces_at(key).is_some_and(|at| clock::now() >= at),
            _ => true,
        }
    }

    /// Returns when the signal came, and from when on the HTTP/1 connection with this key is closed in the lame duck if it is
    /// idle: after all clients that ask were told, spread over as much time again. `None` where they are not spread.
    pub(crate) fn leaves(&self, key: u64) -> Option<(Instant, Instant)> {
        let spread = self.settings.announce_over.filter(|spread| !spread.is_zero())?;
        let tells = self.settings.announce_close && self.settings.is_orderly();
        let signal = self.ledger.announced_at();
        tells.then(|| (signal, clock::after(clock::after(signal, spread), share(spread, key))))
    }

    /// Returns how long a peer may make no progress while the server drains.
    pub(crate) fn stall(&self) -> Duration {
        let longest = self.ledger.longest_stall.get().copied().unwrap_or(Duration::MAX);
        self.settings.stall_timeout.min(longest)
    }

    /// Returns the instant during the lame duck from which on the connection with this key tells its peer; `None` if
    /// it waits for the end of it.
    pub(crate) fn announces_at(&self, key: u64) -> Option<Instant> {
        let spread = self.settings.announce_over.unwrap_or(Duration::ZERO);
        let tells = self.settings.announce_close && self.settings.is_orderly();
        tells.then(|| clock::after(self.ledger.announced_at(), share(spread, key)))
    }
}

impl Ledger {
    #[inline]
    pub(crate) fn order(&self) -> Order {
        Order::from_u8(self.order.load(Ordering::SeqCst))
    }

    /// Raises the order and wakes whom it concerns.
    pub(crate) fn raise(&self, order: Order) {
        match order {
            Order::Announce => drop(self.announced_at()),
            Order::Drain => drop(self.draining_since()),
            _ => {}
        }
        self.order.fetch_max(order as u8, Ordering::SeqCst);
        let mut wakers = Vec::new();
        self.entries().open.values().for_each(|conn| {
            // The process may end at any time from now on, by a second signal among others.
            conn.guard_response();
            conn.book().wakers(order, &mut wakers);
        });
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Begins the draining, which has so much time: a peer that stalls from its beginning on is given up before it is over.
    pub(crate) fn drain(&self, time_left: Option<Duration>) {
        if let Some(left) = time_left {
            let _ = self.longest_stall.set(part(left, 1, 2)); // it begins once
        }
        self.raise(Order::Drain);
    }

    /// Ends WebSockets whose peers leave our close frame unanswered, as long as this is polled.
    pub(crate) async fn give_up_farewells(&self, context: &Context) -> Infallible {
        const OFTEN: Duration = Duration::from_millis(10);
        const SELDOM: Duration = Duration::from_millis(250);
        loop {
            tokio::time::sleep(part(context.stall(), 1, 8).clamp(OFTEN, SELDOM)).await;
            let open: Vec<_> = self.entries().open.values().map(Arc::clone).collect();
            let now = clock::now();
            open.iter().for_each(|conn| conn.give_up_farewell(now, context.stall()));
        }
    }

    /// Returns when the stop signal was first seen.
    pub(crate) fn announced_at(&self) -> Instant {
        *self.announced_at.get_or_init(clock::now)
    }

    /// Returns when the draining began.
    pub(crate) fn draining_since(&self) -> Instant {
        *self.draining_since.get_or_init(clock::now)
    }

    /// Remembers by name what was cut, or ended because its peer stalled.
    pub(crate) fn note_ended(&self, ended: Vec<Straggler>) {
        self.entries().note_ended(ended);
    }

    /// Ends every connection now; what was in flight is counted and remembered as cut.
    pub(crate) fn cut_all(&self) {
        let now = clock::now();
        // From here on a connection that ends by itself counts what it had in flight, as does a stream.
        self.order.fetch_max(Order::Cut as u8, Ordering::SeqCst);
        let mut wakers = Vec::new();
        {
            let mut entries = self.entries();
            let open: Vec<_> = entries.open.values().map(Arc::clone).collect();
            for conn in open {
                conn.book().wakers(Order::Cut, &mut wakers);
                entries.note_ended(conn.end_all(EndedBy::Deadline, now));
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

    /// Tells whether one more connection may be open; wakes the task once it may where it may not.
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

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn note_ended(&mut self, ended: Vec<Straggler>) {
        let room = REMEMBERED.saturating_sub(self.ended.len());
        self.ended.extend(ended.into_iter().take(room));
    }
}

impl Work for Ledger {
    fn in_flight(&self) -> u64 {
        self.counts().in_flight
    }

    fn finished(&self) -> u64 {
        self.counts().finished
    }

    fn cut(&self) -> u64 {
        self.counts().cut
    }

    fn counts(&self) -> WorkCounts {
        let entries = self.entries();
        let mut counts = entries.closed;
        entries.open.values().for_each(|conn| counts.add(&conn.book().counts()));
        counts
    }

    /// The order has every body guarded, those that begin later too.
    fn prepare_for_exit(&self) {
        self.raise(Order::Announce);
    }

    /// Returns what is in flight now, oldest first, and behind it what was cut and whose peer stalled.
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
