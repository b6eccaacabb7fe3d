use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use crate::http::conn::{Begun, Conn, Ended};

thread_local! {
    /// What the response that was just given on this thread offers.
    static OFFERED: RefCell<Weak<Claim>> = const { RefCell::new(Weak::new()) };
}

/// A request that may become a stream of its own within its HTTP/2 connection (RFC 8441).
///
/// hyper tells nobody when it hands a stream over. But it does so in one go: it takes the response, makes the stream's
/// own future, gives it to the executor, and only then drops the response's body, all in one poll. So what is given to
/// the executor on this thread while the response's ticket still lives is that stream.
#[derive(Debug)]
pub(super) struct Claim {
    conn: Arc<Conn>,
    begun: Begun,
    taken: AtomicBool,
}

/// A stream that was handed over. Its request ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    conn: Arc<Conn>,
    begun: Begun,
}

impl Claim {
    /// Offers the request to the executor, for as long as what is returned lives.
    pub(super) fn offer(conn: &Arc<Conn>, begun: Begun) -> Arc<Self> {
        let claim = Arc::new(Self { conn: Arc::clone(conn), begun, taken: AtomicBool::new(false) });
        OFFERED.set(Arc::downgrade(&claim));
        claim
    }

    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Tunnel {
    /// Takes what is offered on this thread.
    pub(crate) fn take() -> Option<Self> {
        let claim = OFFERED.with_borrow(Weak::upgrade)?;
        OFFERED.take();
        claim.taken.store(true, Ordering::Relaxed);
        Some(Self { conn: Arc::clone(&claim.conn), begun: claim.begun })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.conn.end(self.begun, Ended::Whole);
    }
}
