//! A connection to the service, of either protocol, and what one request on it showed.

use std::io;
use std::time::Duration;

use http::Request;

use super::http1::Http1Connection;
use super::http2::Http2Connection;
use super::payload::Payload;
use super::tls::TlsFailure;
use super::{Address, Silence, Socket};
use crate::clock::At;
use crate::record::{Answer, Close, Outcome, Progress};
use crate::scenario::Protocol;

/// An open connection.
pub(crate) enum Connection {
    /// One request at a time.
    Http1(Box<Http1Connection>),
    /// Many at once. A clone of it is the same connection.
    Http2(Http2Connection),
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum NoConnection {
    /// An outcome of the request.
    Outcome(Outcome),
    /// The server does not offer what the clients accept: no outcome of a request.
    Tls(TlsFailure),
    /// A client-side resource is exhausted.
    Trouble(io::Error),
}

/// How one exchange ended.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// With an outcome.
    Ended(RequestResult),
    /// Nothing was written: the kept connection had been closed while idle.
    NotSent,
}

/// A client's observation of one request.
#[derive(Debug)]
pub(crate) struct RequestResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the request was written completely.
    pub sent: bool,
    /// The complete response, if there was one.
    pub answer: Option<Answer>,
    /// Its body, if it was requested.
    pub body: Vec<u8>,
    /// How far it came, if that is known.
    pub progress: Option<Progress>,
}

impl RequestResult {
    /// Creates the result of a request that was written completely and ended without a complete response.
    pub(crate) fn without_answer(outcome: Outcome) -> Self {
        Self { outcome, sent: true, answer: None, body: Vec::new(), progress: None }
    }
}

/// The head of a response to a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeResponse {
    /// Its status.
    pub(crate) status: u16,
    /// Whether it is a gRPC status.
    pub(crate) grpc: bool,
}

/// A header that makes a response a gRPC status without a message.
pub(super) const GRPC_STATUS: &str = "grpc-status";

/// Returns the gRPC status in the value of its header. One that is not a number means UNKNOWN, as for its clients.
pub(super) fn grpc_status(value: &[u8]) -> Option<u16> {
    const UNKNOWN: u16 = 2;
    Some(std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()).unwrap_or(UNKNOWN))
}

/// The maximum length of a body that is kept.
pub(super) const KEPT_BODY: usize = 64 * 1024;
/// How long a server may take to close first after the last request.
pub(super) const PEER_CLOSE: Duration = Duration::from_millis(50);
/// How long the unused rest of a response is read.
pub(super) const READ_ON: Duration = Duration::from_millis(50);

impl Connection {
    /// Connects to `to`, at the time `now`. `before_tls` ends with the first byte of a handshake of TLS.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the attempt.
    pub(crate) async fn open(to: &Address, now: At, before_tls: &Silence) -> Result<Self, NoConnection> {
        let socket = Socket::connect_observed(to, before_tls).await.map_err(no_connection)?;
        Ok(match to.template.protocol {
            Protocol::Http1 => Self::Http1(Box::new(Http1Connection::on(socket, now))),
            Protocol::Http2 { .. } => Self::Http2(Http2Connection::on(socket, now)),
        })
    }

    /// Returns the same connection for another client, if it can carry several requests at once.
    pub(crate) fn shared(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(connection) => Some(Self::Http2(connection.clone())),
        }
    }

    /// Returns whether it can be reused, by the present state of the socket in the kernel.
    pub(crate) fn still_open(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.still_open(),
            Self::Http2(connection) => connection.still_open(),
        }
    }

    /// Returns whether the next request may be sent on it. The slot of a shared connection has looked at the
    /// socket.
    pub(crate) fn may_send(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.still_open(),
            Self::Http2(connection) => connection.is_open(),
        }
    }

    /// Returns whether no request was sent on it yet.
    pub(crate) fn is_fresh(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_fresh(),
            Self::Http2(connection) => connection.is_fresh(),
        }
    }

    /// Returns when its client began to connect.
    pub(crate) fn opened(&self) -> At {
        match self {
            Self::Http1(connection) => connection.opened(),
            Self::Http2(connection) => connection.opened(),
        }
    }

    /// Returns how long its client left it silent before the first byte.
    pub(crate) fn silence(&self) -> &Silence {
        match self {
            Self::Http1(connection) => connection.silence(),
            Self::Http2(connection) => connection.silence(),
        }
    }

    /// Sends `request`, once, and reads its response to the end.
    pub(crate) async fn exchange(&mut self, request: Request<Payload>, keep_body: bool) -> Exchange {
        match self {
            Self::Http1(connection) => connection.exchange(request, keep_body).await,
            Self::Http2(connection) => connection.exchange(request, keep_body).await,
        }
    }

    /// Sends `request` and returns the status of its response as soon as it arrives. `Err` is how the connection ended.
    pub(crate) async fn status(&mut self, request: Request<Payload>) -> Result<ProbeResponse, Outcome> {
        match self {
            Self::Http1(connection) => connection.status(request).await,
            Self::Http2(connection) => connection.status(request).await,
        }
    }

    /// Returns the first byte received, which distinguishes TLS from HTTP.
    pub(crate) fn first_byte(&self) -> Option<u8> {
        match self {
            Self::Http1(connection) => connection.first_byte(),
            Self::Http2(connection) => connection.first_byte(),
        }
    }

    /// Whether the connection is kept after a whole response.
    pub(crate) async fn kept(&mut self) -> bool {
        match self {
            Self::Http1(connection) => connection.kept().await,
            Self::Http2(connection) => connection.is_open(),
        }
    }

    /// Pauses for `time` while watching the connection. `false`: the server has closed it meanwhile.
    pub(crate) async fn idle(&mut self, time: Duration) -> bool {
        match self {
            Self::Http1(connection) => connection.idle(time).await,
            Self::Http2(connection) => connection.idle(time).await,
        }
    }

    /// Returns whether bytes have arrived that no request asked for, so that it cannot be used again.
    pub(crate) fn has_unasked(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.has_unasked(),
            Self::Http2(_) => false,
        }
    }

    /// Lets the server close first, within a short limit. Returns whether bytes came behind the last response that no request asked for.
    pub(crate) async fn let_peer_close(self) -> bool {
        match self {
            Self::Http1(connection) => connection.let_peer_close().await,
            Self::Http2(connection) => {
                connection.let_peer_close().await;
                false
            }
        }
    }
}

/// Returns what the failure of a connect means.
pub(crate) fn no_connection(error: io::Error) -> NoConnection {
    let closed = |close| NoConnection::Outcome(Outcome::ClosedBeforeSend { close });
    match (error.kind(), TlsFailure::of(&error)) {
        (_, Some(failure)) => NoConnection::Tls(failure),
        // A Unix socket that its listener has removed is not found.
        (io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound, _) => {
            NoConnection::Outcome(Outcome::Refused)
        }
        (io::ErrorKind::TimedOut, _) => NoConnection::Outcome(Outcome::ConnectTimeout),
        // The kernel says `refused` before the handshake is done and `reset` after it.
        (io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected, _) => {
            closed(Close::Reset)
        }
        // Within the handshake of TLS: accepted by the kernel, and closed before the request could be sent.
        (io::ErrorKind::UnexpectedEof, _) => closed(Close::Eof),
        _ => NoConnection::Trouble(error),
    }
}

impl NoConnection {
    /// Returns the outcome of the request, or why it has none. A server that was ready over TLS and does not finish a handshake later
    /// has closed the connection; only another certificate is not the client's to judge.
    pub(crate) fn outcome(self) -> Result<Outcome, io::Error> {
        match self {
            Self::Outcome(outcome) => Ok(outcome),
            Self::Tls(failure) if failure.is_of_certificate() => Err(failure.into()),
            Self::Tls(_) => Ok(Outcome::ClosedBeforeSend { close: Close::Eof }),
            Self::Trouble(error) => Err(error),
        }
    }
}
