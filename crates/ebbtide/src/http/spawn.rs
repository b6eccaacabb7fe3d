//! Spawns the tasks of connections and HTTP/2 streams, and tracks the streams that outlive their response.

use std::cell::RefCell;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::conn::{Conn, Outcome, RequestId};

/// Spawns a task that ends with its connection. The registry owns connections: it counts each until its socket is
/// dropped, wakes each when the order changes, and the server waits for the last.
#[expect(
    clippy::disallowed_methods,
    reason = "owned by the registry; a JoinSet would wake the accept loop for each end"
)]
pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

/// Runs the streams of an HTTP/2 connection on tokio; part of the type of the builder that
/// [`Server::http2`](super::Server::http2) passes.
///
/// They end with their connection: hyper drops a stream's handler when it finds that the connection has closed.
#[derive(Clone, Copy, Debug)]
pub struct StreamExecutor;

impl<F> hyper::rt::Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        match Tunnel::take() {
            Some(tunnel) => spawn(async move {
                let _in_flight = tunnel;
                stream.await;
            }),
            None => spawn(stream),
        }
    }
}

thread_local! {
    /// The claim of the response that was last returned on this thread.
    static OFFERED: RefCell<Weak<Claim>> = const { RefCell::new(Weak::new()) };
}

/// A request that may become a tunnel within its HTTP/2 connection (RFC 8441).
///
/// hyper does not report that it detaches a stream. But it does so in one poll: it takes the response, creates the
/// stream's future, passes it to the executor, and only then drops the response's body. So the future that is passed to
/// the executor on this thread while the response's ticket still lives is that stream.
#[derive(Debug)]
pub(crate) struct Claim {
    conn: Arc<Conn>,
    id: RequestId,
    taken: AtomicBool,
}

/// A detached stream. Its request ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Tunnel {
    conn: Arc<Conn>,
    id: RequestId,
}

impl Claim {
    /// Offers the request to the executor, until the returned value is dropped.
    pub(crate) fn offer(conn: &Arc<Conn>, id: RequestId) -> Arc<Self> {
        let claim = Arc::new(Self { conn: Arc::clone(conn), id, taken: AtomicBool::new(false) });
        OFFERED.set(Arc::downgrade(&claim));
        claim
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Tunnel {
    /// Takes the claim that is offered on this thread.
    pub(crate) fn take() -> Option<Self> {
        let claim = OFFERED.with_borrow(Weak::upgrade)?;
        OFFERED.take();
        claim.taken.store(true, Ordering::Relaxed);
        Some(Self { conn: Arc::clone(&claim.conn), id: claim.id })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.conn.end(self.id, Outcome::Whole);
    }
}
