//! How one request ended, as its client saw it, and what a whole answer looked like.

use serde::{Deserialize, Serialize};

/// How one request ended. Exactly one per request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The response was complete.
    Answered {
        /// The response's status; 0: its protocol has none.
        status: u16,
    },
    /// No handshake: the kernel refused the connection, because no socket listens.
    Refused,
    /// No handshake and no refusal within the limit.
    ConnectTimeout,
    /// A new connection was completed and then closed before its client could write the first byte. The client
    /// cannot tell this from a lost request, so it counts as one.
    ClosedBeforeSend {
        /// How it was closed.
        close: Close,
    },
    /// Request bytes were written; the connection ended with no response byte.
    Unanswered {
        /// How it ended.
        close: Close,
    },
    /// The connection ended within the response's head.
    CutInHead {
        /// How it ended.
        close: Close,
    },
    /// The connection ended within the response's body.
    CutInBody {
        /// How it ended.
        close: Close,
    },
    /// HTTP/2: the server declared that it has not processed the request, by a GOAWAY with an earlier last stream, or by
    /// REFUSED_STREAM.
    Unprocessed,
    /// HTTP/2: the server reset the stream, with another code than REFUSED_STREAM.
    StreamReset {
        /// The code of RST_STREAM.
        code: u32,
        /// Whether the response had begun.
        response_begun: bool,
    },
    /// WebSocket: the server sent a close frame.
    CloseFrame {
        /// Its code; `None`: it had none.
        code: Option<u16>,
        /// Whether each message was echoed, except one that the close frame crossed on its way.
        echoed: bool,
    },
    /// WebSocket: the connection ended without a close frame.
    NoCloseFrame {
        /// How it ended.
        close: Close,
    },
    /// The response is not HTTP, or what follows an upgrade is not WebSocket.
    Malformed,
    /// The request was written and its response was not whole within the limit.
    TimedOut,
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// By a reset (`ECONNRESET`, `EPIPE`).
    Reset,
    /// By an orderly end of stream.
    Eof,
}

/// The meaning of an outcome for the sender of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Answered completely.
    Served,
    /// It never reached the program; sending it again is safe.
    Safe,
    /// Accepted without a complete response.
    Lost,
    /// Sent on a reused connection that closed at the same time. Counts as lost; a proxy's retry may hide it.
    Ambiguous,
}

impl Outcome {
    /// Returns the meaning, given whether the connection was `fresh` (this was its first request).
    pub fn meaning(self, fresh: bool) -> Meaning {
        match self {
            Self::Answered { .. } => Meaning::Served,
            Self::CloseFrame { code, echoed: true } if is_usual_close(code) => Meaning::Served,
            Self::Refused | Self::ConnectTimeout | Self::Unprocessed => Meaning::Safe,
            Self::Unanswered { .. } if !fresh => Meaning::Ambiguous,
            Self::ClosedBeforeSend { .. }
            | Self::Unanswered { .. }
            | Self::CutInHead { .. }
            | Self::CutInBody { .. }
            | Self::StreamReset { .. }
            | Self::CloseFrame { .. }
            | Self::NoCloseFrame { .. }
            | Self::Malformed
            | Self::TimedOut => Meaning::Lost,
        }
    }
}

/// Returns whether a WebSocket ends with this code without an error (RFC 6455, section 7.4): the end of the conversation or of the
/// server, a restart, or a code of the application.
pub(crate) fn is_usual_close(code: Option<u16>) -> bool {
    matches!(code, None | Some(1000 | 1001 | 1012 | 1013 | 3000..))
}

/// A whole answer, as far as it is compared with others of its route.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The length of its body in bytes, without the framing.
    pub length: u64,
    /// A digest of its body.
    pub digest: u64,
    /// What the end of its body was known by.
    pub framing: Framing,
    /// A digest of its `Location` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<u64>,
    /// A digest of the media type in its `Content-Type` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<u64>,
    /// Whether the server left the connection open for another request: it did not answer `Connection: close`.
    pub keeps: bool,
    /// Whether it is a stream of server-sent events that ended within an event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open_event: bool,
    /// Whether it is a stream of server-sent events (`text/event-stream`), for a request that asks for one. `None`: no such request, or not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_stream: Option<bool>,
    /// Whether it is a gRPC status (`grpc-status`): its HTTP status is 200, also for an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grpc: bool,
    /// The gRPC status, from the head or the trailers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u16>,
    /// Whether it is a gRPC response that ended without a gRPC status.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open_grpc: bool,
    /// Whether it is a line without the number of its request: the last one of an exchange that had no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_number: bool,
}

/// What the end of a body is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// There is no body, as after HEAD.
    NoBody,
    /// `Content-Length`.
    Length,
    /// The last chunk.
    Chunked,
    /// The end of the line.
    Line,
    /// The end of the connection only: a truncated body looks complete.
    Close,
}

/// A digest that grows with the bytes it is fed (FNV-1a): equal bytes, however they were split, have the same one.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds `bytes`.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The digest of what was added.
    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// The digest of the media type in the `Content-Type` header `value`: without its parameters, such as the boundary of a part, and in
/// lower case.
pub(crate) fn media_type(value: &[u8]) -> u64 {
    let name = value.split(|byte| *byte == b';').next().unwrap_or_default();
    digest(&name.trim_ascii().to_ascii_lowercase())
}

/// The number of equal bodies of a route from which its body counts as fixed.
pub(crate) const FIXED_FROM: u32 = 5;

/// The digest of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.value()
}
