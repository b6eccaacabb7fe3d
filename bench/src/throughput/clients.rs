//! The clients of the three columns. They cost less per request than any server, so that the server's core is the bottleneck.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::client::{Arrived, Frames, LAST_PING, OPENING, PING, PING_ACK, SETTINGS_ACK, frame, ping};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// One connection with one request at a time. It neither allocates nor parses: every response must be as long as the first one,
/// which was parsed.
#[derive(Debug)]
pub(super) struct KeepAlive {
    stream: TcpStream,
    received: usize,
    /// Length of one response in bytes.
    answer: usize,
}

impl KeepAlive {
    pub(super) fn new(mut stream: TcpStream) -> io::Result<Self> {
        let answer = ping(&mut stream, PING)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, received: 0, answer })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn ask(&mut self) -> io::Result<()> {
        self.received = 0;
        self.stream.write_all(PING)
    }

    pub(super) fn take(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        let read = self.stream.read(&mut buffer)?;
        let begins = self.received > 0 || buffer.starts_with(OK);
        self.received += read;
        if read == 0 || !begins || self.received > self.answer {
            return Err(io::Error::other("unexpected response: its length differs from the first one"));
        }
        Ok(self.received == self.answer)
    }
}

/// A new connection for each request. The server closes it and keeps the TIME_WAIT state: the client's ports would run out.
#[derive(Debug)]
pub(super) struct Connect {
    address: SocketAddr,
    stream: Option<TcpStream>,
    received: usize,
}

impl Connect {
    /// Sends one request to verify the response.
    pub(super) fn new(address: SocketAddr) -> io::Result<Self> {
        let mut client = Self { address, stream: None, received: 0 };
        client.ask()?.set_nonblocking(false)?;
        while !client.take()? {}
        Ok(client)
    }

    pub(super) fn ask(&mut self) -> io::Result<&TcpStream> {
        self.received = 0;
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(LAST_PING)?;
        stream.set_nonblocking(true)?;
        Ok(self.stream.insert(stream))
    }

    pub(super) fn take(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer)?;
        if read > 0 && self.received == 0 && !buffer.starts_with(OK) {
            return Err(io::Error::other("unexpected response"));
        }
        self.received += read;
        if read > 0 {
            return Ok(false);
        }
        if self.received == 0 {
            return Err(io::Error::other("request without a response"));
        }
        self.stream = None;
        Ok(true)
    }
}

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
    /// Opens the connection and sends one request.
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
        // Control frames are sent with the next requests, or alone.
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
            return Err(io::Error::other("unexpected response"));
        }
        Ok(answered)
    }
}
