//! A connection that is written byte by byte, and the responses that are read on it.

use std::future::pending;
use std::io;

use ebbtide_http1::{self as http1, Body, Head, Malformed, Parsed, Response, parse, parse_to_eof};

use super::connection::{GRPC_STATUS, KEPT_BODY, RequestResult, grpc_status};
use super::events::{EventTail, is_event_stream};
use super::pace::ReadPace;
use super::silence::Silence;
use super::socket::Socket;
use crate::record::{Answer, Close, Digest, Framing, Outcome, Progress, digest, media_type};

/// One connection and what was read on it so far.
#[derive(Debug)]
pub(crate) struct RawConnection {
    pub(super) socket: Socket,
    pub(super) read: Vec<u8>,
    written: bool,
}

/// The largest read, in bytes.
const CHUNK: usize = 8192;

/// How a response is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Whether the body is kept, up to [`KEPT_BODY`].
    pub(super) keep_body: bool,
    /// How slowly the body is read; `None`: at once.
    pub(super) pace: Option<ReadPace>,
}

impl RawConnection {
    /// Creates a connection on a socket that was just connected.
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, read: Vec::new(), written: false }
    }

    /// Returns how long its client left it silent before the first byte.
    pub(crate) fn silence(&self) -> &Silence {
        self.socket.silence()
    }

    /// Returns whether the server has closed the connection, by the present state of the socket in the kernel.
    pub(crate) fn closed(&self) -> bool {
        self.socket.is_at_end()
    }

    /// Returns whether bytes were read or can be read, by the present state of the socket in the kernel. Before a request is written,
    /// none asked for them.
    pub(crate) fn has_unasked(&self) -> bool {
        !self.read.is_empty() || !self.socket.still_quiet() && !self.socket.is_at_end()
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
        let count = self.socket.write_some(bytes).await?;
        self.written = true;
        Ok(count)
    }

    /// Sends what was written and is still in this process.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        self.socket.flush().await
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
        let seen = self.answer_as(method, Reading::default()).await;
        match seen.outcome {
            Outcome::Unanswered { close } if !self.written => {
                RequestResult::without_answer(Outcome::ClosedBeforeSend { close })
            }
            _ => seen,
        }
    }

    /// Reads one complete response to a request of which a byte was written.
    pub(super) async fn answer_as(&mut self, method: &http::Method, how: Reading) -> RequestResult {
        let head = match self.head(method).await {
            Ok(head) => head,
            Err(outcome) => return RequestResult::without_answer(outcome),
        };
        let mut kept = Vec::new();
        match self.body(&head, how, &mut kept).await {
            Ok(answer) => {
                let outcome = Outcome::Answered { status: head.status };
                RequestResult { answer: Some(answer), body: kept, ..RequestResult::without_answer(outcome) }
            }
            Err((outcome, done)) => {
                let progress = match (outcome, head.framing) {
                    (Outcome::CutInBody { .. }, http1::Framing::Length(of)) if done > 0 => {
                        Some(Progress { done, of: of as u64 })
                    }
                    _ => None,
                };
                RequestResult { body: kept, progress, ..RequestResult::without_answer(outcome) }
            }
        }
    }

    /// Reads the head of the final response, and leaves it in what was read.
    pub(super) async fn head(&mut self, method: &http::Method) -> Result<Head, Outcome> {
        let method = match *method {
            http::Method::HEAD => http1::Method::Head,
            _ => http1::Method::Other,
        };
        loop {
            match Head::parse(&self.read, method) {
                Ok(Some(head)) => return Ok(head),
                Ok(None) => {}
                Err(Malformed) => return Err(Outcome::Malformed),
            }
            if let Err(close) = self.more_or_close().await {
                return Err(match parse(&self.read, method) {
                    Parsed::Nothing => Outcome::Unanswered { close },
                    _ => Outcome::CutInHead { close },
                });
            }
        }
    }

    /// Reads the body of the response that `head` begins, and takes both out of what was read. `Err` has the number of bytes of the body
    /// that came.
    async fn body(
        &mut self,
        head: &Head,
        Reading { keep_body, pace }: Reading,
        kept: &mut Vec<u8>,
    ) -> Result<Answer, (Outcome, u64)> {
        let header = |name| head.header(&self.read, name);
        let grpc = header(GRPC_STATUS);
        let mut answer = Answer {
            length: 0,
            digest: 0,
            framing: match head.framing {
                http1::Framing::NoBody => Framing::NoBody,
                http1::Framing::Length(_) => Framing::Length,
                http1::Framing::Chunked => Framing::Chunked,
                http1::Framing::Close => Framing::Close,
            },
            location: header("location").map(digest),
            content_type: header("content-type").map(media_type),
            keeps: !head.closes,
            open_event: false,
            event_stream: None,
            grpc: grpc.is_some(),
            grpc_status: grpc.and_then(grpc_status),
            open_grpc: false,
            no_number: false,
        };
        let mut events =
            header("content-type").filter(|kind| is_event_stream(kind)).map(|_| EventTail::default());
        let mut reading = pace.map(|pace| {
            pace.begin(match head.framing {
                http1::Framing::Length(of) => Some(of as u64),
                _ => None,
            })
        });
        let (mut body, mut digest) = (Body::new(head.framing), Digest::default());
        self.read.drain(..head.range.end);
        while !body.is_complete() {
            let (mut taken, before) = (0, answer.length);
            while let piece = body
                .read(self.read.get(taken..).unwrap_or_default())
                .map_err(|_| (Outcome::Malformed, answer.length))?
                && piece.length > 0
            {
                taken = taken.saturating_add(piece.length);
                answer.length = answer.length.saturating_add(piece.data.len() as u64);
                digest.add(piece.data);
                if let Some(events) = &mut events {
                    events.add(piece.data);
                }
                if keep_body && kept.len().saturating_add(piece.data.len()) <= KEPT_BODY {
                    kept.extend_from_slice(piece.data);
                }
            }
            self.read.drain(..taken);
            if let Some(reading) = &mut reading
                && answer.length > before
            {
                reading.read(answer.length.saturating_sub(before)).await;
            }
            if !body.is_complete()
                && let Err(close) = self.more_or_close().await
            {
                if head.framing == http1::Framing::Close && close == Close::Eof {
                    break;
                }
                return Err((Outcome::CutInBody { close }, answer.length));
            }
        }
        answer.digest = digest.value();
        answer.event_stream = Some(events.is_some());
        answer.open_event = events.is_some_and(|events| !events.is_whole());
        Ok(answer)
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

    /// Reads what has arrived. `Err` is how the connection ended.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost.
    pub(super) async fn more_or_close(&mut self) -> Result<(), Close> {
        match self.more(CHUNK).await {
            Ok(0) => Err(Close::Eof),
            Ok(_) => Ok(()),
            Err(_) => Err(Close::Reset),
        }
    }

    /// Reads what has arrived, up to `most` bytes. 0: the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost.
    pub(super) async fn more(&mut self, most: usize) -> io::Result<usize> {
        let mut chunk = [0_u8; CHUNK];
        loop {
            self.socket.readable().await?;
            match self.socket.try_read(chunk.get_mut(..most.min(CHUNK)).unwrap_or_default()) {
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
