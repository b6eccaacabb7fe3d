//! A connection that is written byte by byte, for requests that stop half-way.

use std::future::pending;
use std::io;

use ebbtide_http1::{self as http1, Parsed, Response, parse, parse_to_eof};

use super::connection::{GRPC_STATUS, RequestResult};
use super::socket::Socket;
use crate::record::{Answer, Close, Framing, Outcome, digest};

/// One connection and what was read on it so far.
#[derive(Debug)]
pub(crate) struct RawConnection {
    socket: Socket,
    read: Vec<u8>,
    written: bool,
}

impl RawConnection {
    /// Creates a connection on a socket that was just connected.
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, read: Vec::new(), written: false }
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
            self.socket.writable().await?;
            match self.socket.try_write(bytes) {
                Ok(count) => {
                    self.written = true;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
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

    async fn more(&mut self, most: usize) -> io::Result<usize> {
        let mut chunk = [0_u8; 4096];
        loop {
            self.socket.readable().await?;
            match self.socket.try_read(chunk.get_mut(..most.min(4096)).unwrap_or_default()) {
                Ok(count) => {
                    self.read.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
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
        grpc: response.header_bytes(GRPC_STATUS).is_some(),
    };
    let outcome = Outcome::Answered { status: response.status };
    RequestResult { outcome, sent: true, answer: Some(answer), body: Vec::new() }
}
