use std::error::Error;
use std::{fmt, io, mem};

use crate::{Method, Parsed, Response, parse, parse_to_eof};

/// The end of a stream, with the bytes received instead of a complete response or after the last one.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamEnd {
    /// The bytes received.
    pub received: Vec<u8>,
    /// How the stream ended.
    pub end: End,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Regularly, without an error.
    Eof,
    /// With an error, such as a reset.
    Error(io::ErrorKind),
    /// Reading was ended, because the bytes received are not an HTTP/1 response.
    Malformed,
}

/// Removes a response from the beginning of `received` and returns it, or an error if it is malformed or incomplete at the `end`.
/// `None`: more bytes are required. `end`: no more bytes follow.
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
    /// Returns whether the stream ended without an error.
    pub fn is_eof(&self) -> bool {
        self.end == End::Eof
    }

    /// Returns whether the stream ended with a reset.
    pub fn is_reset(&self) -> bool {
        self.end == End::Error(io::ErrorKind::ConnectionReset)
    }

    /// Returns the bytes received as text. Invalid UTF-8 is replaced.
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
            End::Eof => write!(f, "stream ended after {count} bytes"),
            End::Error(kind) => write!(f, "stream failed after {count} bytes: {kind}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let end = |end| StreamEnd { received: b"HTTP/1.1 2".to_vec(), end };
        error_form::walk! {
            StreamEnd { end: End::Eof, .. } => end(End::Eof);
            StreamEnd { end: End::Error(_), .. } => end(End::Error(io::ErrorKind::ConnectionReset));
            StreamEnd { end: End::Malformed, .. } => end(End::Malformed);
        }
    }
}
