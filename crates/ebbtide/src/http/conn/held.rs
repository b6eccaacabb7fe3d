use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;

use super::Book;
use crate::http::ledger::Context;
use crate::runtime::clock;
use crate::runtime::os::socket::Handle;

/// One open connection, as its task, its requests and the ledger see it.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) context: Arc<Context>,
    pub(crate) peer: SocketAddr,
    pub(crate) socket: Handle,
    key: u64,
    book: Mutex<Book>,
}

/// Keeps a connection in the ledger for as long as its socket is open.
///
/// Purposefully not `Clone`: it lives with the socket, wherever that goes.
#[derive(Debug)]
pub(crate) struct Held {
    conn: Arc<Conn>,
}

impl Conn {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Enters a connection into the ledger.
    pub(crate) fn new(context: &Arc<Context>, stream: &TcpStream, peer: SocketAddr) -> Self {
        let book = Mutex::new(Book::new(clock::now()));
        let socket = Handle::new(stream);
        let enter = |key| Arc::new(Conn { context: Arc::clone(context), peer, socket, key, book });
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
