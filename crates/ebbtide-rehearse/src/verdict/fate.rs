//! How a request is judged, and why it counts against the service.

use std::time::Duration;

use crate::record::{Close, Outcome, Phase, Request, is_usual_close};
use crate::words;

/// The judged outcome of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Answered whole, as usual.
    Answered,
    /// Answered with a status that announces the shutdown, or that `--allow-status` names.
    Declined,
    /// Answered, and not known to be as usual.
    Unverified(Doubt),
    /// The connection was refused.
    Refused,
    /// The connection was refused while the platform still routed to the service: lost, as its client sees it.
    RefusedEarly,
    /// Neither accepted nor refused within the limit.
    ConnectTimeout,
    /// HTTP/2: declared to be unprocessed, by GOAWAY or REFUSED_STREAM.
    Unprocessed,
    /// Ended by the clean-up of the rehearsal, after the service had ended.
    CleanedUp,
    /// Accepted by another program: no process of the service existed any more.
    Foreign,
    /// It counts against the service.
    Bad(Reason),
}

/// Why an answer proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Doubt {
    /// It ends with the connection and has no usual length: truncation would not be detected.
    Unframed,
    /// It has another body than each one before the signal, which were seen for too short a time to tell that they never change.
    Body,
    /// No answer of its route came before the signal.
    Unseen,
}

/// Why a request counts against the service: what the loss looks like from outside. A cause is named only where what was seen
/// excludes every other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Reason {
    /// Closed with no response byte, after its client had left it silent for too long: whether the service would have served a prompt one
    /// cannot be seen.
    LateClient,
    ClosedBeforeSend,
    HalfSent,
    NewReset,
    NewClosed,
    Kept,
    InProgress,
    /// The second request of a connection, written behind the first one. Whether it was read cannot be seen.
    Pipelined,
    /// HTTP/2: reset with this code, before the response.
    Reset(u32),
    /// HTTP/2: reset with this code, within the response.
    CutByReset(u32),
    CutInHead,
    CutInBody,
    /// The answer to a line ended within it.
    CutInLine,
    /// The body ended with the connection, shorter than it always was.
    TruncatedUnframed,
    /// WebSocket: a close frame with a code that means an error.
    ErrorClose(u16),
    /// WebSocket: a close frame, and a message before it without its echo.
    NoEcho,
    NoCloseFrame,
    /// A stream of events that ended within one.
    CutInEvent,
    /// A gRPC call that ended with messages without an answer.
    NoReply,
    /// A gRPC response that ended without a gRPC status.
    NoGrpcStatus,
    /// A gRPC status that the route did not have before the signal.
    GrpcStatus(u16),
    /// What came is no response of its protocol.
    Malformed,
    /// A line of more than a MiB.
    LongLine,
    TimedOut,
    /// A status that the route did not have before the signal, or one of 500 and more.
    Status(u16),
    /// An empty body where there always was one.
    Empty,
    /// Another body than the one that the route always had.
    OtherBody,
    /// Another `Location` than the one that the route always had.
    OtherLocation,
    /// Another media type than the one that the route always had.
    OtherContentType,
    /// A line without the number of its request, and no other.
    NoNumber,
    /// A response with this status to the handshake of a WebSocket, along a route that opens WebSockets.
    NoUpgrade(u16),
    /// A response with this status that is no stream of events, along a route that has them.
    NoEvents(u16),
}

/// The column of the counts that a reason belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Column {
    Lost,
    Truncated,
    TimedOut,
    Wrong,
}

/// A complete request that was read and stayed unanswered for this long was being processed.
const WORKED_ON: Duration = Duration::from_millis(250);

impl Reason {
    /// Why `request` has no whole answer; `None`: it has one, or it never reached the program.
    pub(super) fn unanswered(request: &Request) -> Option<Self> {
        let age = request.ended.since(request.connected.unwrap_or(request.begun));
        Some(match request.outcome {
            Outcome::CloseFrame { echoed: false, .. } => Self::NoEcho,
            Outcome::CloseFrame { code, .. } if is_usual_close(code) => return None,
            Outcome::CloseFrame { code, .. } => Self::ErrorClose(code.unwrap_or_default()),
            Outcome::NoCloseFrame { .. } => Self::NoCloseFrame,
            Outcome::Answered { .. } | Outcome::Refused | Outcome::ConnectTimeout | Outcome::Unprocessed => {
                return None;
            }
            Outcome::StreamReset { code, response_begun: false } => Self::Reset(code),
            Outcome::StreamReset { code, response_begun: true } => Self::CutByReset(code),
            Outcome::ClosedBeforeSend { .. } | Outcome::Unanswered { .. }
                if request.silent_ms.is_some() && age < WORKED_ON =>
            {
                Self::LateClient
            }
            Outcome::ClosedBeforeSend { .. } => Self::ClosedBeforeSend,
            Outcome::Unanswered { .. } if !request.sent => Self::HalfSent,
            Outcome::Unanswered { .. } if request.phase == Some(Phase::Pipelined) && !request.fresh => {
                Self::Pipelined
            }
            // A connection with unread bytes is closed by a reset: one that ended in order had its request read.
            Outcome::Unanswered { close: Close::Eof } if age >= WORKED_ON => Self::InProgress,
            Outcome::Unanswered { .. } if !request.fresh => Self::Kept,
            Outcome::Unanswered { close: Close::Reset } => Self::NewReset,
            Outcome::Unanswered { close: Close::Eof } => Self::NewClosed,
            Outcome::CutInHead { .. } => Self::CutInHead,
            Outcome::CutInBody { .. } if request.is_line() => Self::CutInLine,
            Outcome::CutInBody { .. } => Self::CutInBody,
            Outcome::Malformed if request.is_line() => Self::LongLine,
            Outcome::Malformed => Self::Malformed,
            Outcome::TimedOut => Self::TimedOut,
        })
    }

    pub(super) fn column(self) -> Column {
        match self {
            Self::LateClient
            | Self::ClosedBeforeSend
            | Self::HalfSent
            | Self::NewReset
            | Self::NewClosed
            | Self::Kept
            | Self::InProgress
            | Self::Pipelined
            | Self::Reset(_) => Column::Lost,
            Self::CutByReset(_)
            | Self::CutInHead
            | Self::CutInBody
            | Self::CutInLine
            | Self::TruncatedUnframed
            | Self::NoEcho
            | Self::NoCloseFrame
            | Self::CutInEvent
            | Self::NoGrpcStatus
            | Self::NoReply
            | Self::LongLine
            | Self::Malformed => Column::Truncated,
            Self::TimedOut => Column::TimedOut,
            Self::Status(_)
            | Self::GrpcStatus(_)
            | Self::ErrorClose(_)
            | Self::Empty
            | Self::OtherBody
            | Self::OtherLocation
            | Self::OtherContentType
            | Self::NoNumber
            | Self::NoUpgrade(_)
            | Self::NoEvents(_) => Column::Wrong,
        }
    }

    /// Returns whether no response byte was received.
    pub(super) fn is_silent(self) -> bool {
        self.column() == Column::Lost
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::LateClient => {
                "new connection closed after its client, which got no processor time, had left it silent for 100 ms or more"
            }
            Self::ClosedBeforeSend => {
                "new connection accepted by the kernel and closed before the first byte was sent"
            }
            Self::HalfSent => "connection closed with the request half sent",
            Self::NewReset => "new connection reset with no response byte after the request was sent",
            Self::NewClosed => "new connection closed with no response byte after the request was sent",
            Self::Kept => "kept connection closed with no response byte after the request was sent",
            Self::InProgress => "connection closed while the request was being processed",
            Self::Pipelined => "connection closed with no response byte for the request that was pipelined",
            Self::Reset(code) => return format!("stream reset with {} before the response", code_name(code)),
            Self::CutByReset(code) => return format!("response truncated by a reset with {}", code_name(code)),
            Self::CutInHead => "response truncated in its head",
            Self::CutInBody => "response truncated in its body",
            Self::CutInLine => "answer truncated within its line",
            Self::TruncatedUnframed => {
                "response without Content-Length or chunks ended with the connection, shorter than every one before \
                 the signal"
            }
            Self::ErrorClose(code) => return format!("WebSocket closed with code {code}"),
            Self::NoEcho => "WebSocket closed with a message that was not echoed",
            Self::NoCloseFrame => "WebSocket connection ended without a close frame",
            Self::NoReply => "gRPC call ended with messages that were not answered",
            Self::NoGrpcStatus => "gRPC response ended without a status",
            Self::GrpcStatus(code) => return format!("gRPC status {}", words::grpc_status(code)),
            Self::CutInEvent => "stream of events ended within an event",
            Self::Malformed => "response is not HTTP",
            Self::LongLine => "answer is longer than 1 MiB without the end of its line",
            Self::TimedOut => "accepted and not answered within the request timeout",
            Self::Status(status) => return format!("status {status}"),
            Self::Empty => "empty body, which the route never had before the signal",
            Self::OtherBody => "another body than the one that the route always had before the signal",
            Self::OtherLocation => "another Location than before the signal",
            Self::OtherContentType => "another Content-Type than before the signal",
            Self::NoNumber => "a line without the number of the request instead of its answer",
            Self::NoUpgrade(status) => return format!("status {status} instead of a WebSocket"),
            Self::NoEvents(status) => return format!("status {status} without a stream of events"),
        }
        .into()
    }
}

#[cfg(any(test, feature = "samples"))]
impl Reason {
    /// Every reason, with an example of each code.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        std::iter::successors(Some(Self::LateClient), |reason| {
            // Exhaustive: a new reason needs a place here.
            Some(match reason {
                Self::LateClient => Self::ClosedBeforeSend,
                Self::ClosedBeforeSend => Self::HalfSent,
                Self::HalfSent => Self::NewReset,
                Self::NewReset => Self::NewClosed,
                Self::NewClosed => Self::Kept,
                Self::Kept => Self::InProgress,
                Self::InProgress => Self::Pipelined,
                Self::Pipelined => Self::Reset(8),
                Self::Reset(_) => Self::CutByReset(2),
                Self::CutByReset(_) => Self::CutInHead,
                Self::CutInHead => Self::CutInBody,
                Self::CutInBody => Self::CutInLine,
                Self::CutInLine => Self::TruncatedUnframed,
                Self::TruncatedUnframed => Self::ErrorClose(1011),
                Self::ErrorClose(_) => Self::NoEcho,
                Self::NoEcho => Self::NoCloseFrame,
                Self::NoCloseFrame => Self::CutInEvent,
                Self::CutInEvent => Self::NoReply,
                Self::NoReply => Self::NoGrpcStatus,
                Self::NoGrpcStatus => Self::GrpcStatus(14),
                Self::GrpcStatus(14) => Self::GrpcStatus(13),
                Self::GrpcStatus(_) => Self::Malformed,
                Self::Malformed => Self::LongLine,
                Self::LongLine => Self::TimedOut,
                Self::TimedOut => Self::Status(503),
                Self::Status(503) => Self::Status(404),
                Self::Status(_) => Self::Empty,
                Self::Empty => Self::OtherBody,
                Self::OtherBody => Self::OtherLocation,
                Self::OtherLocation => Self::OtherContentType,
                Self::OtherContentType => Self::NoNumber,
                Self::NoNumber => Self::NoUpgrade(200),
                Self::NoUpgrade(_) => Self::NoEvents(200),
                Self::NoEvents(_) => return None,
            })
        })
    }
}

/// The name of an error code of HTTP/2 (RFC 9113, section 7).
fn code_name(code: u32) -> String {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(code as usize).map_or_else(|| format!("code {code}"), |name| (*name).to_owned())
}
