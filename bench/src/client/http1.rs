use std::fmt::Arguments;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_http1::{End, StreamEnd};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

use super::tally::Tally;

/// The measurement fails when a response takes longer than this.
const SILENCE: Duration = Duration::from_secs(20);

/// One connection with one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
}

/// Whether the connection can be used for another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Kept,
    Gone,
}

/// A request in pieces, and the expected body of its response.
#[derive(Debug, Clone, Copy)]
pub(super) struct PiecedRequest<'a> {
    pub(super) pieces: &'a [&'a [u8]],
    pub(super) pause: Duration,
    pub(super) answer: &'a [u8],
}

impl Connection {
    /// Connects once. Returns `None`, and counts it, when the server refuses.
    ///
    /// # Errors
    ///
    /// When the client side lacks a resource.
    pub(super) async fn open(address: SocketAddr, tally: &Tally) -> io::Result<Option<Self>> {
        use io::ErrorKind::{ConnectionRefused, TimedOut};
        match Client::connect(address).await {
            // The kernel may choose the server's unused port as the local port, so that the socket connects to itself.
            Ok(client) if client.stream.local_addr()? == address => {}
            Ok(client) => return Ok(Some(Self { client })),
            // The kernel reports `refused` before the handshake is done, and `reset` after it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                tally.unsent();
                return Ok(None);
            }
            Err(error) if matches!(error.kind(), ConnectionRefused | TimedOut) => {}
            Err(error) => return Err(error),
        }
        tally.refused();
        Ok(None)
    }

    /// Waits and watches the connection. Returns `Gone` when the server closes it meanwhile, which is allowed.
    pub(super) async fn think(&self, time: Duration) -> After {
        let closed = async {
            while self.client.stream.readable().await.is_ok() {
                // Unrequested bytes, or an end, end the connection.
                match self.client.stream.try_read(&mut [0]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    _ => break,
                }
            }
        };
        tokio::select! {
            biased;
            () = closed => After::Gone,
            () = sleep(time) => After::Kept,
        }
    }

    /// Sends one request and counts its outcome.
    pub(super) async fn ask(&mut self, request: PiecedRequest<'_>, tally: &Tally) -> After {
        let mut written = 0;
        for (nth, piece) in request.pieces.iter().enumerate() {
            if nth > 0 {
                sleep(request.pause).await;
            }
            match self.client.send(piece).await {
                Ok(()) => written += piece.len(),
                Err(_) if written == 0 => {
                    tally.unsent();
                    return After::Gone;
                }
                // The response may have arrived nevertheless.
                Err(_) => break,
            }
        }
        let what = format_args!("{:?}, {written} bytes written", first_line(request.pieces));
        match tokio::time::timeout(SILENCE, self.answer(request.answer, what, tally)).await {
            Ok(after) => after,
            Err(_) => {
                tally.odd(format_args!("{what}, no response for {SILENCE:?}"));
                After::Gone
            }
        }
    }

    /// Waits until the server has closed the connection, which it announced with its last response.
    pub(super) async fn closed(mut self) {
        let mut rest = [0; 64];
        while matches!(self.client.stream.read(&mut rest).await, Ok(1..)) {}
    }

    async fn answer(&mut self, wanted: &[u8], what: Arguments<'_>, tally: &Tally) -> After {
        let response = match self.client.response().await {
            Ok(response) => response,
            Err(end) => {
                match end {
                    StreamEnd { end: End::Malformed, .. } => tally.odd(format_args!("{what}: {end}")),
                    StreamEnd { received, .. } if received.is_empty() => tally.lost(what),
                    StreamEnd { .. } => tally.cut(what),
                }
                return After::Gone;
            }
        };
        if response.is_ok() && response.body == wanted {
            tally.answered();
        } else {
            tally.odd(format_args!("{what}, unexpected response {response:?}"));
        }
        if response.closes { After::Gone } else { After::Kept }
    }
}

fn first_line(pieces: &[&[u8]]) -> String {
    let first = pieces.first().copied().unwrap_or_default();
    String::from_utf8_lossy(first).lines().next().unwrap_or_default().to_owned()
}
