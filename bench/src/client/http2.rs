use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frames::{Arrived, Frames, OPENING, PING_ACK, SETTINGS_ACK, frame};
use super::tally::Tally;

/// Requests in flight on one connection.
const STREAMS: usize = 10;

/// The measurement fails when a server sends nothing for this long while requests are in flight.
const SILENCE: Duration = Duration::from_secs(40);

/// The client's state of an HTTP/2 connection.
#[derive(Debug)]
struct Talk<'a> {
    tally: &'a Tally,
    /// Requests that were written and not answered yet, and whether the response has begun.
    open: Vec<(u32, Begun)>,
    next: u32,
    /// The server has announced that it takes no further requests.
    going: bool,
    out: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Well,
    Oddly,
}

/// Connects once, and sends requests as fast as they are answered until the server sends GOAWAY or closes, or until `wanted`
/// returns `false`. Counts the outcome of each request. Returns `false` when the server accepts no connection.
///
/// # Errors
///
/// When the client side lacks a resource.
pub(super) async fn talk(address: SocketAddr, tally: &Tally, wanted: impl Fn() -> bool) -> io::Result<bool> {
    let mut stream = match TcpStream::connect(address).await {
        Ok(stream) if stream.local_addr()? != address => stream,
        Ok(_) => {
            tally.refused();
            return Ok(false);
        }
        Err(error) => return refusal(error, tally),
    };
    stream.set_nodelay(true)?;
    let mut talk = Talk { tally, open: Vec::new(), next: 1, going: false, out: OPENING.to_vec() };
    let (mut frames, mut buffer) = (Frames::default(), [0; 4096]);
    loop {
        let before = talk.open.len();
        if wanted() {
            talk.fill();
        }
        if !talk.out.is_empty() && stream.write_all(&talk.out).await.is_err() {
            // A failed write counts as not written; the read reports the end of the connection.
            let unsent = talk.open.split_off(before.min(talk.open.len()));
            unsent.iter().for_each(|_| tally.unsent());
            talk.going = true;
        }
        talk.out.clear();
        if talk.open.is_empty() {
            return Ok(true);
        }
        let read = timeout(SILENCE, stream.read(&mut buffer)).await.unwrap_or_else(|late| Err(late.into()));
        let Ok(read @ 1..) = read else {
            talk.ended();
            return Ok(true);
        };
        frames.feed(buffer.get(..read).unwrap_or_default(), |arrived| talk.take(arrived));
    }
}

impl Talk<'_> {
    fn fill(&mut self) {
        while self.open.len() < STREAMS && !self.going {
            frame(self.next, &mut self.out);
            self.open.push((self.next, Begun::No));
            self.next += 2;
        }
    }

    fn take(&mut self, arrived: Arrived) {
        match arrived {
            Arrived::Begun { stream, end, well } => {
                let begun = if well { Begun::Well } else { Begun::Oddly };
                if let Some(open) = self.open.iter_mut().find(|(open, _)| *open == stream) {
                    open.1 = begun;
                }
                if end {
                    self.whole(stream);
                }
            }
            Arrived::Body { stream, end: true } => self.whole(stream),
            Arrived::Reset { stream, refused } => self.reset(stream, refused),
            Arrived::GoAway { last } => {
                self.going = true;
                let tally = self.tally;
                self.open.retain(|(stream, _)| {
                    let is_taken = *stream <= last;
                    if !is_taken {
                        tally.refused();
                    }
                    is_taken
                });
            }
            Arrived::Settings => self.out.extend_from_slice(SETTINGS_ACK),
            Arrived::Ping(payload) => {
                self.out.extend_from_slice(PING_ACK);
                self.out.extend_from_slice(&payload);
            }
            Arrived::Body { end: false, .. } | Arrived::Other => {}
        }
    }

    fn whole(&mut self, stream: u32) {
        match self.remove(stream) {
            Some(Begun::Well) => self.tally.answered(),
            Some(_) => self.tally.odd(format_args!("HTTP/2 stream {stream}, unexpected status")),
            None => {}
        }
    }

    fn reset(&mut self, stream: u32, refused: bool) {
        match self.remove(stream) {
            Some(Begun::No) if refused => self.tally.refused(),
            Some(Begun::No) => self.tally.lost(format_args!("HTTP/2 stream {stream}, reset")),
            Some(_) => self.tally.cut(format_args!("HTTP/2 stream {stream}, reset")),
            None => {}
        }
    }

    /// Counts the outstanding requests after the end of the connection.
    fn ended(&mut self) {
        for (stream, begun) in self.open.drain(..) {
            match begun {
                Begun::No => self.tally.lost(format_args!("HTTP/2 stream {stream}, connection ended")),
                _ => self.tally.cut(format_args!("HTTP/2 stream {stream}, connection ended")),
            }
        }
    }

    fn remove(&mut self, stream: u32) -> Option<Begun> {
        let at = self.open.iter().position(|(open, _)| *open == stream)?;
        Some(self.open.swap_remove(at).1)
    }
}

fn refusal(error: io::Error, tally: &Tally) -> io::Result<bool> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::TimedOut => tally.refused(),
        io::ErrorKind::ConnectionReset => tally.unsent(),
        _ => return Err(error),
    }
    Ok(false)
}
