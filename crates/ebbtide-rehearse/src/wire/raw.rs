//! A connection that is written byte by byte, for requests that stop half-way.

use std::future::pending;
use std::io;

use ebbtide_http1::{self as http1, Parsed, Response, parse, parse_to_eof};

use super::connection::{GRPC_STATUS, RequestResult, grpc_status};
use super::socket::Socket;
use crate::record::{Answer, Close, Framing, Outcome, digest};

/// One connection and what was read on it so far.
#[derive(Debug)]
pub(crate) struct RawConnection {
    pub(super) socket: Socket,
    pub(super) read: Vec<u8>,
    written: bool,
    /// Whether a read has failed: the connection was reset, which the kernel says only once.
    failed: bool,
}

impl RawConnection {
    /// Creates a connection on a socket that was just connected.
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, read: Vec::new(), written: false, failed: false }
    }

    /// Returns whether the server has closed the connection, by the present state of the socket in the kernel.
    pub(crate) fn closed(&self) -> bool {
        self.socket.is_at_end()
    }

    /// Waits until the server has closed the connection, and nothing is left to read.
    pub(crate) async fn until_closed(&self) {
        self.socket.until_ended().await;
        if !self.closed() {
            pending().await
        }
    }

    /// Writes all of `bytes`. A failure shows when the response is read.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write_some(bytes).await?;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        self.flush().await
    }

    /// Writes a part of `bytes`, and returns its length.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it returns, nothing was written.
    pub(crate) async fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.socket.writable().await?;
            match self.socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.written = true;
                    return Ok(count);
                }
            }
        }
    }

    /// Sends what was written and is still in this process.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        loop {
            match self.socket.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket.writable().await?,
                flushed => return flushed,
            }
        }
    }

    /// Reads until at least one response byte has arrived, and no further.
    pub(crate) async fn first_byte(&mut self) -> io::Result<()> {
        match self.more(1).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Waits until the response has begun or the connection has ended. Interim responses are read.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost.
    pub(crate) async fn until_response(&mut self) {
        while matches!(parse(&self.read, http1::Method::Other), Parsed::Nothing) {
            if !matches!(self.more(4096).await, Ok(1..)) {
                return;
            }
        }
    }

    /// Waits until the server has asked for the body (`100 Continue`), the response has begun, or the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost.
    pub(crate) async fn until_continue(&mut self) {
        let is_told = |read: &[u8]| {
            const CONTINUE: &[u8] = b"HTTP/1.1 100 ";
            read.starts_with(CONTINUE) && read.windows(4).any(|end| end == b"\r\n\r\n")
        };
        while !is_told(&self.read) && matches!(parse(&self.read, http1::Method::Other), Parsed::Nothing) {
            if !matches!(self.more(4096).await, Ok(1..)) {
                return;
            }
        }
    }

    /// Reads one complete response to a request with that method. The outcome is the reason if there is none.
    pub(crate) async fn answer(&mut self, method: &http::Method) -> RequestResult {
        let method = match *method {
            http::Method::HEAD => http1::Method::Head,
            _ => http1::Method::Other,
        };
        loop {
            match parse(&self.read, method) {
                Parsed::Whole { response, length } => {
                    self.read.drain(..length);
                    return answered(&response);
                }
                Parsed::Malformed => return RequestResult::without_answer(Outcome::Malformed),
                Parsed::Nothing | Parsed::InHead | Parsed::InBody => {}
            }
            let close = match self.more(4096).await {
                Ok(0) => Close::Eof,
                Ok(_) => continue,
                Err(_) => Close::Reset,
            };
            // A body without a length ends with the connection, if that ends in order.
            let parse = if close == Close::Eof { parse_to_eof } else { parse };
            return match parse(&self.read, method) {
                Parsed::Whole { response, .. } => answered(&response),
                Parsed::Nothing if !self.written => {
                    RequestResult::without_answer(Outcome::ClosedBeforeSend { close })
                }
                Parsed::Nothing => RequestResult::without_answer(Outcome::Unanswered { close }),
                Parsed::InHead => RequestResult::without_answer(Outcome::CutInHead { close }),
                Parsed::InBody => RequestResult::without_answer(Outcome::CutInBody { close }),
                Parsed::Malformed => RequestResult::without_answer(Outcome::Malformed),
            };
        }
    }

    /// Reads one complete response to a GET, with its headers. `None`: there is none.
    pub(crate) async fn response(&mut self) -> Option<Response> {
        loop {
            match parse(&self.read, http1::Method::Other) {
                Parsed::Whole { response, .. } => return Some(response),
                Parsed::Malformed => return None,
                Parsed::Nothing | Parsed::InHead | Parsed::InBody => {}
            }
            if self.more(4096).await.ok()? == 0 {
                return match parse_to_eof(&self.read, http1::Method::Other) {
                    Parsed::Whole { response, .. } => Some(response),
                    _ => None,
                };
            }
        }
    }

    pub(super) async fn more(&mut self, most: usize) -> io::Result<usize> {
        if self.failed {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut chunk = [0_u8; 4096];
        loop {
            self.socket.readable().await?;
            match self.socket.try_read(chunk.get_mut(..most.min(4096)).unwrap_or_default()) {
                Ok(count) => {
                    self.read.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
    }
}

fn answered(response: &Response) -> RequestResult {
    let answer = Answer {
        length: response.body.len() as u64,
        digest: digest(&response.body),
        framing: match response.framing {
            http1::Framing::NoBody => Framing::NoBody,
            http1::Framing::Length(_) => Framing::Length,
            http1::Framing::Chunked => Framing::Chunked,
            http1::Framing::Close => Framing::Close,
        },
        location: response.header_bytes("location").map(digest),
        keeps: !response.closes,
        open_event: false,
        event_stream: None,
        grpc: response.header_bytes(GRPC_STATUS).is_some(),
        grpc_status: response.header_bytes(GRPC_STATUS).and_then(grpc_status),
        open_grpc: false,
        no_number: false,
    };
    let outcome = Outcome::Answered { status: response.status };
    RequestResult { answer: Some(answer), ..RequestResult::without_answer(outcome) }
}
