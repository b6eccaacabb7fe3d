//! One HTTP/1.1 connection on hyper's low-level API: no pool, no retry, nothing hidden.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use tokio::time::sleep;

use super::body::Payload;
use super::wire::{Socket, Wire};
use crate::rehearse::record::{Close, Outcome};

/// An open connection and the machine that drives it while somebody waits for it.
pub(super) struct Connection {
    socket: Socket,
    sender: SendRequest<Payload>,
    /// Dropped when it has ended: only then does the sender learn of it.
    driver: Option<Driver>,
    used: bool,
}

type Driver = Pin<Box<http1::Connection<Wire, Payload>>>;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoConnection {
    /// As the client of a request sees it.
    Outcome(Outcome),
    /// Something is short on our side.
    Trouble(io::Error),
}

/// How one exchange ended.
#[derive(Debug)]
pub(super) enum Exchange {
    /// As an outcome, with the body when it was wanted and whole.
    Ended(Outcome, Vec<u8>),
    /// Nothing was written: the kept connection had been closed while idle.
    NotSent,
}

/// The most of a body that is kept.
const KEPT_BODY: usize = 64 * 1024;

impl Connection {
    /// Connects to `to`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up.
    pub(super) async fn open(to: SocketAddr) -> Result<Self, NoConnection> {
        let socket = Socket::connect(to).await.map_err(no_connection)?;
        let (sender, driver) = http1::handshake(socket.wire())
            .await
            .map_err(|error| NoConnection::Trouble(io::Error::other(error)))?;
        Ok(Self { socket, sender, driver: Some(Box::pin(driver)), used: false })
    }

    /// Whether it can be used again, as far as the kernel knows this instant.
    pub(super) fn still_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed() && self.socket.still_quiet()
    }

    /// Whether no request was sent on it yet.
    pub(super) fn is_fresh(&self) -> bool {
        !self.used
    }

    /// Sends `request`, once, and reads its response to the end.
    pub(super) async fn exchange(&mut self, request: Request<Payload>, keep_body: bool) -> Exchange {
        let mark = self.socket.mark();
        let fresh = !self.used;
        self.used = true;
        let mut status = None;
        let mut kept = Vec::new();
        let whole = {
            let sender = &mut self.sender;
            let (status, kept) = (&mut status, &mut kept);
            let talk = async move {
                let response = sender.send_request(request).await?;
                *status = Some(response.status().as_u16());
                let mut body = response.into_body();
                while let Some(frame) = body.frame().await {
                    if let Some(data) = frame?.data_ref()
                        && keep_body
                        && kept.len() + data.len() <= KEPT_BODY
                    {
                        kept.extend_from_slice(data);
                    }
                }
                Ok::<(), hyper::Error>(())
            };
            alongside(&mut self.driver, talk).await.is_ok()
        };
        let close = self.socket.close();
        let outcome = match status {
            Some(status) if whole => Outcome::Answered { status },
            Some(_) => Outcome::CutInBody { close },
            None if self.socket.received_since(mark) > 0 => Outcome::CutInHead { close },
            None if self.socket.sent_since(mark) > 0 => Outcome::Unanswered { close },
            None if fresh => Outcome::ClosedBeforeSend { close },
            None => return Exchange::NotSent,
        };
        Exchange::Ended(outcome, kept)
    }

    /// Whether the connection is kept after a whole response.
    pub(super) async fn kept(&mut self) -> bool {
        let sender = &mut self.sender;
        let ready = async move { sender.ready().await.is_ok() };
        alongside(&mut self.driver, ready).await && self.driver.is_some()
    }

    /// Thinks for `time` while watching the connection. `false`: the server has closed it meanwhile.
    pub(super) async fn idle(&mut self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = ended(&mut self.driver) => false,
            () = sleep(time) => true,
        }
    }

    /// Lets the server close first, within a short limit.
    pub(super) async fn let_peer_close(self) {
        tokio::select! {
            () = self.socket.closed_by_peer() => {}
            () = sleep(PEER_CLOSE) => {}
        }
    }
}

/// How long a server that was told `Connection: close` is given to close first.
const PEER_CLOSE: Duration = Duration::from_millis(50);

/// Drives the connection while `work` waits for it; what the connection leaves behind at its end, `work` still gets.
async fn alongside<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        // Pending or just ended: either way `work` may have got something.
        let _ended = poll_driver(driver, cx);
        work.as_mut().poll(cx)
    })
    .await
}

/// Drives the connection to its end.
async fn ended(driver: &mut Option<Driver>) {
    poll_fn(|cx| poll_driver(driver, cx)).await;
}

fn poll_driver(driver: &mut Option<Driver>, cx: &mut Context<'_>) -> Poll<()> {
    match driver.as_mut().map(|driver| driver.as_mut().poll(cx)) {
        Some(Poll::Pending) => Poll::Pending,
        // How it ended is told by the bytes, not by hyper's error.
        Some(Poll::Ready(_)) | None => {
            *driver = None;
            Poll::Ready(())
        }
    }
}

fn no_connection(error: io::Error) -> NoConnection {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => NoConnection::Outcome(Outcome::Refused),
        io::ErrorKind::TimedOut => NoConnection::Outcome(Outcome::ConnectTimeout),
        // The kernel says `refused` before the handshake is done and `reset` after it.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
            NoConnection::Outcome(Outcome::ClosedBeforeSend { close: Close::Reset })
        }
        _ => NoConnection::Trouble(error),
    }
}
