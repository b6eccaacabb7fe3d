use std::error::Error;
use std::{fmt, io, mem};

use crate::{Method, Parsed, Response, parse, parse_to_eof};

/// What came in place of a whole response, or behind the last one.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamEnd {
    /// The bytes that came.
    pub received: Vec<u8>,
    /// How the stream ended.
    pub end: End,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Eof,
    /// With an error, such as a reset.
    Error(io::ErrorKind),
    /// It was not read further, because what came is no HTTP/1 response.
    Malformed,
}

/// Takes a response from the beginning of what came, if it is decided what came of it. `end`: nothing more comes.
pub(crate) fn take_response(
    received: &mut Vec<u8>,
    method: Method,
    end: Option<End>,
) -> Option<Result<Response, StreamEnd>> {
    let parsed = match end {
        Some(End::Eof) => parse_to_eof(received, method),
        _ => parse(received, method),
    };
    let end = match parsed {
        Parsed::Whole { response, length } => {
            received.drain(..length);
            return Some(Ok(response));
        }
        Parsed::Malformed => Some(End::Malformed),
        Parsed::Nothing | Parsed::InHead | Parsed::InBody => end,
    };
    end.map(|end| Err(StreamEnd { received: mem::take(received), end }))
}

impl StreamEnd {
    /// Tells whether the stream ended in order.
    pub fn is_eof(&self) -> bool {
        self.end == End::Eof
    }

    /// Tells whether the stream ended with a reset.
    pub fn is_reset(&self) -> bool {
        self.end == End::Error(io::ErrorKind::ConnectionReset)
    }

    /// Returns what came as text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.received)
    }
}

impl fmt::Debug for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamEnd").field("received", &self.text()).field("end", &self.end).finish()
    }
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.received.len();
        match self.end {
            End::Eof => write!(f, "the stream ended after {count} bytes"),
            End::Error(kind) => write!(f, "the stream failed after {count} bytes: {kind}"),
            End::Malformed => write!(f, "not an HTTP/1 response: {:?}", self.text()),
        }
    }
}

impl Error for StreamEnd {}

impl From<StreamEnd> for io::Error {
    fn from(end: StreamEnd) -> Self {
        let kind = match end.end {
            End::Eof => io::ErrorKind::UnexpectedEof,
            End::Error(kind) => kind,
            End::Malformed => io::ErrorKind::InvalidData,
        };
        Self::new(kind, end)
    }
}
