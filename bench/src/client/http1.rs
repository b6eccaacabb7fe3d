use std::fmt::Arguments;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ebbtide_http1::client::Client;
use ebbtide_http1::{End, StreamEnd};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

use super::tally::Tally;

/// A response that takes longer than this has failed the comparison.
const SILENCE: Duration = Duration::from_secs(20);

/// One connection, and a request at a time on it.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
}

/// Whether the connection can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Kept,
    Gone,
}

/// A request, piece by piece, and the body of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct PiecedRequest<'a> {
    pub(super) pieces: &'a [&'a [u8]],
    pub(super) pause: Duration,
    pub(super) answer: &'a [u8],
}

impl Connection {
    /// Connects once. `None`, and it is counted, when nobody takes the connection.
    ///
    /// # Errors
    ///
    /// When something is short on our side.
    pub(super) async fn open(address: SocketAddr, tally: &Tally) -> io::Result<Option<Self>> {
        use io::ErrorKind::{ConnectionRefused, TimedOut};
        match Client::connect(address).await {
            // The kernel may pick the very port for our end that nobody listens on any more: it meets itself.
            Ok(client) if client.stream.local_addr()? == address => {}
            Ok(client) => return Ok(Some(Self { client })),
            // The kernel says `refused` before the handshake is done, and `reset` after it.
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

    /// Waits, and watches; `Gone` when the server closed meanwhile, which is its right.
    pub(super) async fn think(&self, time: Duration) -> After {
        let closed = async {
            while self.client.stream.readable().await.is_ok() {
                // Whatever comes unasked, bytes or an end, is the end of the connection.
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

    /// Asks once, and counts what becomes of it.
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
                // An answer may have come all the same.
                Err(_) => break,
            }
        }
        let what = format_args!("{:?}, {written} octets written", first_line(request.pieces));
        match tokio::time::timeout(SILENCE, self.answer(request.answer, what, tally)).await {
            Ok(after) => after,
            Err(_) => {
                tally.odd(format_args!("{what}, no answer for {SILENCE:?}"));
                After::Gone
            }
        }
    }

    /// Waits until the server has closed: it was told that this was the last request.
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
            tally.odd(format_args!("{what} was answered by {response:?}"));
        }
        if response.closes { After::Gone } else { After::Kept }
    }
}

fn first_line(pieces: &[&[u8]]) -> String {
    let first = pieces.first().copied().unwrap_or_default();
    String::from_utf8_lossy(first).lines().next().unwrap_or_default().to_owned()
}
