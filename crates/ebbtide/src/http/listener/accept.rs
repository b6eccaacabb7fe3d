use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, UnixListener};
use tokio::time::Sleep;

use super::bind::SocketFile;
use super::listener::Via;
use crate::drain::Stop;
use crate::http::Address;
use crate::http::conn::Socket;
use crate::runtime::os::socket;
use crate::util::clock;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections, and pauses when the system cannot provide one: no error ends it, no error makes it spin.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listening: Listening,
    via: Via,
    next_pause: Duration,
    longest_pause: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    latest: Option<Instant>,
}

/// A connection that was just accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) from: Address,
    pub(crate) via: Via,
}

impl Acceptor {
    pub(crate) fn new(listening: Listening, via: Via) -> Self {
        let (next_pause, longest_pause) = (FIRST_PAUSE, LONGEST_PAUSE);
        Self { listening, via, next_pause, longest_pause, pause: None, latest: None }
    }

    /// Waits for the next connection.
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Accepted> {
        loop {
            ready!(self.poll_pause(cx));
            match ready!(self.listening.poll_accept(cx)) {
                Ok(accepted) => return Poll::Ready(self.prepared(accepted)),
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Waits for the next connection.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost if it is cancelled.
    pub(super) async fn accept(&mut self) -> Accepted {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Takes a connection that is already queued, whether or not the reactor has reported it; `None` when the queue is
    /// empty.
    ///
    /// While the process has no free descriptor it waits for one. After `stop` is cancelled it retries every few
    /// milliseconds, because each refused request frees one; the caller bounds that time.
    ///
    /// # Cancel safety
    ///
    /// As for [`accept`](Self::accept).
    pub(super) async fn accept_queued(&mut self, stop: &Stop) -> Option<Accepted> {
        match stop.unless_cancelled(poll_fn(|cx| self.poll_queued(cx))).await {
            Some(queued) => queued,
            None => {
                self.reset_pause();
                poll_fn(|cx| self.poll_queued(cx)).await
            }
        }
    }

    pub(super) fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Removes the listener's socket file, if this process created one.
    pub(super) fn remove_file(&mut self) {
        if let Listening::Unix(_, file) = &mut self.listening {
            *file = None;
        }
    }

    /// Returns whether connections arrived lately, so that another may be arriving now.
    pub(super) fn is_busy(&self) -> bool {
        const LATELY: Duration = Duration::from_millis(100);
        let lately = |latest| clock::now().saturating_duration_since(latest) < LATELY;
        self.latest.is_some_and(lately)
    }

    fn poll_queued(&mut self, cx: &mut Context<'_>) -> Poll<Option<Accepted>> {
        loop {
            ready!(self.poll_pause(cx));
            match self.listening.accept_now() {
                Ok(accepted) => return Poll::Ready(accepted.map(|accepted| self.prepared(accepted))),
                Err(error) => self.failed(&error),
            }
        }
    }

    fn reset_pause(&mut self) {
        if self.longest_pause != FIRST_PAUSE {
            (self.next_pause, self.longest_pause, self.pause) = (FIRST_PAUSE, FIRST_PAUSE, None);
        }
    }

    fn prepared(&mut self, (socket, from): (Socket, Address)) -> Accepted {
        self.next_pause = FIRST_PAUSE;
        self.latest = Some(clock::now());
        socket.prepare();
        Accepted { socket, from, via: self.via.clone() }
    }

    fn failed(&mut self, error: &io::Error) {
        if is_of_the_connection(error) {
            return;
        }
        let pause = self.next_pause;
        if self.longest_pause == LONGEST_PAUSE {
            crate::runtime::log_warn!(%error, ?pause, "accept failed; retrying after a pause");
        }
        self.pause = Some(Box::pin(tokio::time::sleep(pause)));
        self.next_pause = pause.saturating_mul(2).min(self.longest_pause);
    }

    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }
}

/// A listening socket registered with the runtime.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    /// With its file, if this process must remove it.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listening {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, Address)>> {
        match self {
            Self::Tcp(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, from)| (Socket::Tcp(stream), from.into()))
            }
            Self::Unix(listener, _) => {
                let accepted = listener.poll_accept(cx);
                accepted.map_ok(|(stream, from)| {
                    let from: std::os::unix::net::SocketAddr = from.into();
                    (Socket::Unix(stream), (&from).into())
                })
            }
        }
    }

    /// Takes a connection that is already queued, whether or not the reactor has reported it; `None` when the queue is
    /// empty.
    ///
    /// # Errors
    ///
    /// Fails as `accept(2)` does. A queue known to be empty is not an error, although `accept(2)` requires a descriptor
    /// before it checks the queue.
    fn accept_now(&self) -> io::Result<Option<(Socket, Address)>> {
        let (accepted, from) = match socket::accept_now(self) {
            Ok(Some(accepted)) => accepted,
            Ok(None) => return Ok(None),
            Err(_) if self.is_queue_empty() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(match self {
            Self::Tcp(_) => {
                let from = from.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                (Socket::Tcp(tokio::net::TcpStream::from_std(accepted.into())?), from.into())
            }
            Self::Unix(..) => {
                let from = from.as_unix().map_or(Address::Unix(None), |from| (&from).into());
                (Socket::Unix(tokio::net::UnixStream::from_std(accepted.into())?), from)
            }
        }))
    }

    /// Returns whether the queue is known to be empty. It is unknown for a Unix socket that refuses new connections.
    fn is_queue_empty(&self) -> bool {
        matches!(self, Self::Tcp(_)) && socket::is_queue_empty(self)
    }

    pub(super) fn tcp_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl AsRawFd for Listening {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Returns whether the error concerns one connection that ended before it was accepted; the next `accept` may succeed.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
