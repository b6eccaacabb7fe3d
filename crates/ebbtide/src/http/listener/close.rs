//! Closes a listener without losing the connections that the kernel has accepted for it.
//!
//! A TCP listener:
//!
//! 1. New handshakes are blocked, without affecting those in progress: the client's kernel retransmits its SYN, and
//!    reaches a closed port, or the next instance.
//! 2. Connections are accepted until the queue is empty and no handshake that had begun is still in progress.
//! 3. Then closing the listener destroys nothing.
//!
//! A Unix listener:
//!
//! 1. Its file is removed, so that a successor may bind the path from here on. While this process still answered there,
//!    a successor that checks the path before it replaces a file could not bind.
//! 2. Its receiving side is shut down. From then on the kernel refuses new connections, under the same lock under which
//!    it would queue them, and `accept` still returns those in the queue: there is no race. The same applies to
//!    abstract names, which have no file. A client that was waiting for room in the queue resolves the path again.
//! 3. Connections are accepted until the queue is empty. Then closing the listener destroys nothing.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::accept::{Accepted, Acceptor, Listening};
use crate::drain::Stop;
use crate::http::CloseMode;
use crate::http::conn::Socket;
#[cfg(target_os = "linux")]
use crate::runtime::os::sock_diag::{Handshake, half_done};
use crate::runtime::os::socket;
use crate::util::clock;

/// How long to wait for a handshake that had begun. The kernel retransmits its SYN-ACK after 1, 3 and 7 s. A flood of
/// forged SYNs leaves handshakes that never complete, and must not delay the shutdown for long.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// How long to accept when pending handshakes cannot be observed.
const UNOBSERVED_TIMEOUT: Duration = Duration::from_millis(100);
/// How long to accept when new handshakes cannot be blocked completely, or the kernel does not refuse new Unix
/// connections, so that the queue may never be empty.
const BACKLOG_TIMEOUT: Duration = Duration::from_secs(1);
/// How many connections the final pass takes at most when new handshakes continue: what the queue can have held before.
const BACKLOG_AT_ONCE: usize = 4096;
/// How often to check again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Drains the accept queues of all listeners at the same time and closes them; every connection goes to `serve`.
///
/// After `stop` is cancelled they take only what is in the queues. They then wait only for free descriptors, as long as
/// the caller lets them.
///
/// # Cancel safety
///
/// Cancelled, it closes the listeners and drops the connections in their queues.
pub(crate) async fn close_all(
    acceptors: Vec<Acceptor>,
    mode: CloseMode,
    stop: &Stop,
    serve: impl FnMut(Accepted) + Send,
) {
    let serve = Mutex::new(serve);
    let serve = &|accepted: Accepted| serve.lock().unwrap_or_else(PoisonError::into_inner)(accepted);
    let mut closing: Vec<CloseFuture<'_>> =
        acceptors.into_iter().map(|acceptor| close(acceptor, mode, stop, serve)).collect();
    poll_fn(|cx| {
        closing.retain_mut(|closing| closing.as_mut().poll(cx).is_pending());
        if closing.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

type CloseFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

fn close<'a>(
    acceptor: Acceptor,
    mode: CloseMode,
    stop: &'a Stop,
    serve: &'a (impl Fn(Accepted) + Send + Sync),
) -> CloseFuture<'a> {
    match acceptor.listening() {
        Listening::Tcp(_) => Box::pin(close_tcp(acceptor, mode, stop, serve)),
        Listening::Unix(..) => Box::pin(close_unix(acceptor, stop, serve)),
    }
}

/// How new handshakes are blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Filter,
    HopLimit,
    Backlog,
}

/// Drains the accept queue and closes the listener; every connection goes to `serve`.
///
/// After `stop` is cancelled it takes only what is in the queue. It then waits only for free descriptors, as long as
/// the caller lets it.
///
/// # Cancel safety
///
/// Cancelled, it closes the listener and drops the connections in its queue.
async fn close_tcp(mut acceptor: Acceptor, mode: CloseMode, stop: &Stop, serve: impl Fn(Accepted)) {
    let hold = block_handshakes(&acceptor, mode);
    let mut pending = PendingHandshakes::new(&acceptor, hold);
    tracing::debug!(?hold, "holding back new handshakes");
    let serve = |accepted: Accepted| {
        restore(&accepted.socket, hold);
        serve(accepted);
    };
    while !pending.is_too_long() && !stop.is_cancelled() {
        if let Some(accepted) = acceptor.accept_queued(stop).await {
            serve(accepted);
            // The queue may be long: let the connections run.
            tokio::task::yield_now().await;
            continue;
        }
        if pending.is_over(acceptor.is_busy()) {
            break;
        }
        tokio::select! {
            accepted = acceptor.accept() => serve(accepted),
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
    // Takes what was completed since the queue was found empty. Bounded where new handshakes continue, as it would
    // never end.
    let mut left = if hold == Hold::Backlog { BACKLOG_AT_ONCE } else { usize::MAX };
    while left > 0
        && let Some(accepted) = acceptor.accept_queued(stop).await
    {
        serve(accepted);
        left -= 1;
    }
}

fn block_handshakes(acceptor: &Acceptor, mode: CloseMode) -> Hold {
    let listener = acceptor.listening();
    let all = mode == CloseMode::Lossless;
    #[cfg(target_os = "linux")]
    {
        let ipv6 = listener.tcp_addr().is_some_and(|addr| addr.is_ipv6());
        if (all || mode == CloseMode::SynFilter) && socket::drop_syn_by_filter(listener).is_ok() {
            return Hold::Filter;
        }
        if (all || mode == CloseMode::HopLimit) && socket::set_min_ttl(listener, ipv6, u8::MAX).is_ok() {
            return Hold::HopLimit;
        }
    }
    if let Err(error) = socket::listen(listener, 0) {
        crate::runtime::log_warn!(%error, all, "cannot hold back new connections while the accept queue is drained");
    }
    Hold::Backlog
}

/// Resets what an accepted connection inherited from its listener and must not keep.
fn restore(socket: &Socket, hold: Hold) {
    #[cfg(target_os = "linux")]
    if hold == Hold::HopLimit
        && let Socket::Tcp(stream) = socket
    {
        let ipv6 = stream.local_addr().is_ok_and(|addr| addr.is_ipv6());
        let _ = socket::set_min_ttl(stream, ipv6, 0);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, hold);
}

/// The handshakes that were in progress when new ones were blocked.
struct PendingHandshakes {
    listener: Option<SocketAddr>,
    since: Instant,
    limit: Duration,
    looks: u32,
    known: Option<Vec<Handshake>>,
}

impl PendingHandshakes {
    fn new(acceptor: &Acceptor, hold: Hold) -> Self {
        let listener = acceptor.listening().tcp_addr();
        let limit = if hold == Hold::Backlog { BACKLOG_TIMEOUT } else { HANDSHAKE_WAIT };
        let mut pending = Self { listener, since: clock::now(), limit, looks: 0, known: None };
        // One poll may miss a SYN that is being processed right now. If connections arrive, poll twice.
        if acceptor.is_busy() {
            pending.look();
        }
        pending
    }

    fn is_too_long(&self) -> bool {
        clock::now().saturating_duration_since(self.since) >= self.limit
    }

    /// Polls again; returns whether none is left, or, if they cannot be observed, whether the fixed time has passed.
    fn is_over(&mut self, busy: bool) -> bool {
        self.look();
        match &self.known {
            Some(known) => known.is_empty() && (self.looks > 1 || !busy),
            None => clock::now().saturating_duration_since(self.since) >= UNOBSERVED_TIMEOUT,
        }
    }

    fn look(&mut self) {
        let found = self.listener.and_then(|listener| half_done(listener).ok());
        self.looks += 1;
        self.known = match (self.known.take(), found) {
            // What appears only now arrived after the block: it is for another socket on the same port.
            (Some(mut known), Some(found)) if self.looks > 2 => {
                known.retain(|handshake| found.contains(handshake));
                Some(known)
            }
            (_, found) => found,
        };
    }
}

/// Drains the accept queue and closes the listener; every connection goes to `serve`. `stop` has the same effect as for
/// a TCP listener.
///
/// # Cancel safety
///
/// Cancelled, it closes the listener and drops the connections in its queue.
async fn close_unix(mut acceptor: Acceptor, stop: &Stop, serve: impl Fn(Accepted)) {
    acceptor.remove_file();
    let limit = refuse(&acceptor);
    while limit.is_none_or(|limit| clock::now() < limit)
        && let Some(accepted) = acceptor.accept_queued(stop).await
    {
        serve(accepted);
        // The queue may be long: let the connections run.
        tokio::task::yield_now().await;
    }
}

/// Makes the kernel refuse new connections; if it does not, returns until when to accept.
fn refuse(acceptor: &Acceptor) -> Option<Instant> {
    let error = match socket::refuse_connections(acceptor.listening()) {
        Ok(()) if cfg!(target_os = "linux") => return None,
        Ok(()) => None,
        Err(error) => Some(error),
    };
    tracing::debug!(
        ?error,
        "cannot verify that new connections are refused; draining the accept queue for a fixed time"
    );
    Some(clock::after(clock::now(), BACKLOG_TIMEOUT))
}

#[cfg(not(target_os = "linux"))]
type Handshake = ();

#[cfg(not(target_os = "linux"))]
fn half_done(_: SocketAddr) -> std::io::Result<Vec<Handshake>> {
    Err(std::io::ErrorKind::Unsupported.into())
}
