use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::{Begun, Book, Ended, Opening, Reason, Socket};
use crate::http::Address;
use crate::http::ledger::{Context, Order};
use crate::model::Straggler;
use crate::runtime::clock;
use crate::runtime::os::socket::Handle;

/// One open connection, as its task, its requests and the ledger see it.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) context: Arc<Context>,
    peer: Address,
    /// Who is behind the peer, if that is a load balancer that says so.
    source: OnceLock<Address>,
    pub(crate) socket: Handle,
    key: u64,
    book: Mutex<Book>,
    /// Whether the book may know a time for the connection's end while the server serves, to spare the lock.
    timed: AtomicBool,
}

/// Keeps a connection in the ledger for as long as its socket is open.
///
/// Purposefully not `Clone`: it lives with the socket, wherever that goes.
#[derive(Debug)]
pub(crate) struct Held {
    conn: Arc<Conn>,
}

impl Conn {
    /// Returns the address of the client.
    pub(crate) fn peer(&self) -> &Address {
        self.source.get().unwrap_or(&self.peer)
    }

    /// Notes bytes on their way to the parser.
    pub(super) fn read(&self, bytes: &[u8]) {
        if self.book().read(bytes, clock::now) {
            self.timed.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that what has come so far is not a whole head, whatever it looks like.
    pub(super) fn half_head(&self) {
        self.book().half_head(clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Notes that bytes have come of what precedes HTTP.
    pub(super) fn opening(&self, what: Opening) {
        self.book().opening(what, clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Notes that HTTP can begin.
    pub(super) fn opened(&self) {
        self.book().opened(clock::now());
    }

    /// Notes whether part of a record has come, behind everything that could be read.
    pub(super) fn half_record(&self, half: bool) {
        self.book().half_record(half, clock::now());
        self.timed.store(true, Ordering::Relaxed);
    }

    /// Notes whom the connection comes from, as the load balancer before us says.
    pub(super) fn introduce(&self, source: Address) {
        let _ = self.source.set(source); // there is one header
    }

    /// Returns when the connection's time will have come, if it stays as it is. Asked by the connection's own task.
    pub(super) fn due(&self, order: Order) -> Option<(Instant, Reason)> {
        if order == Order::Serve && !self.timed.load(Ordering::Relaxed) {
            return None;
        }
        let due = self.book().due(order, &self.context.settings, || self.active());
        self.timed.store(due.is_some(), Ordering::Relaxed);
        due
    }

    /// Ends a request; see [`Book::end`].
    pub(crate) fn end(&self, begun: Begun, outcome: Ended) {
        if self.book().end(begun, outcome, clock::now) {
            self.timed.store(true, Ordering::Relaxed);
        }
    }

    /// Returns what is in flight here.
    pub(crate) fn stragglers(&self, now: Instant) -> Vec<Straggler> {
        let active = self.active();
        self.book().stragglers(self.peer(), active, now)
    }

    /// Ends what is in flight here; returns it.
    pub(crate) fn cut(&self, now: Instant) -> Vec<Straggler> {
        let active = self.active();
        let mut book = self.book();
        let cut = book.cut(self.peer(), active, now);
        if book.is_upgraded() {
            self.socket.shutdown(); // its task is not ours to end
        }
        cut
    }

    /// Returns when data last came or went; now, where the kernel does not say.
    fn active(&self) -> Instant {
        let now = clock::now();
        self.socket.quiet().and_then(|quiet| now.checked_sub(quiet)).unwrap_or(now)
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Enters a connection into the ledger.
    pub(crate) fn new(context: &Arc<Context>, socket: &Socket, peer: Address) -> Self {
        let book = Mutex::new(Book::new(clock::now(), socket.is_timed_by_kernel()));
        let (socket, timed) = (Handle::new(socket), AtomicBool::new(false));
        let source = OnceLock::new();
        let enter =
            |key| Arc::new(Conn { context: Arc::clone(context), peer, source, socket, key, book, timed });
        Self { conn: context.ledger.enter(enter) }
    }

    pub(crate) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }
}

impl Deref for Held {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let finished = {
            let mut book = self.conn.book();
            if book.must_reset() {
                self.conn.socket.reset_on_close();
            }
            book.close()
        };
        self.conn.socket.release();
        self.conn.context.ledger.leave(self.conn.key, finished);
    }
}
