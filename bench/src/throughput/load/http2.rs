use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::client::{Arrived, Frames, OPENING, PING_ACK, SETTINGS_ACK, frame};

/// Requests in flight on one connection.
const STREAMS: usize = 10;

/// One HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Http2 {
    stream: TcpStream,
    frames: Frames,
    out: Vec<u8>,
    next: u32,
    width: usize,
}

impl Http2 {
    /// Opens it and asks once.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        let out = OPENING.to_vec();
        let mut client = Self { stream, frames: Frames::default(), out, next: 1, width: STREAMS };
        client.ask(1)?;
        while client.take()? == 0 {}
        client.stream.set_nonblocking(true)?;
        Ok(client)
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn ask(&mut self, times: usize) -> io::Result<()> {
        for _ in 0..times {
            frame(self.next, &mut self.out);
            self.next += 2;
        }
        // What is there to be said between the requests goes with the next one, or alone.
        if !self.out.is_empty() {
            self.stream.write_all(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    pub(super) fn take(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 8192];
        let read = self.stream.read(&mut buffer)?;
        let (mut answered, mut wrong) = (0, read == 0);
        let Self { frames, out, .. } = self;
        frames.feed(buffer.get(..read).unwrap_or_default(), |arrived| match arrived {
            Arrived::Begun { end, well, .. } => {
                wrong |= !well;
                answered += usize::from(end);
            }
            Arrived::Body { end, .. } => answered += usize::from(end),
            Arrived::Settings => out.extend_from_slice(SETTINGS_ACK),
            Arrived::Ping(payload) => {
                out.extend_from_slice(PING_ACK);
                out.extend_from_slice(&payload);
            }
            Arrived::Reset { .. } | Arrived::GoAway { .. } => wrong = true,
            Arrived::Other => {}
        });
        if wrong {
            return Err(io::Error::other("an answer is not the expected one"));
        }
        Ok(answered)
    }
}
