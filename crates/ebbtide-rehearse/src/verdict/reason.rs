//! What a loss looks like from outside. A cause is named only where what was seen excludes every other.

use std::time::Duration;

use crate::record::{Close, Outcome, Request};

/// Why a request counts against the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Reason {
    ClosedBeforeSend,
    HalfSent,
    NewReset,
    NewClosed,
    Kept,
    InProgress,
    CutInHead,
    CutInBody,
    /// The body ended with the connection, shorter than it always was.
    CutUnframed,
    Malformed,
    TimedOut,
    /// A status that the route did not have before the signal, or one of 500 and more.
    Status(u16),
    /// An empty body where there always was one.
    Empty,
    /// Another length than the one that the route always had.
    OtherLength,
    /// Another `Location` than the one that the route always had.
    OtherLocation,
}

/// The column of the counts that a reason belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Column {
    Lost,
    Truncated,
    TimedOut,
    Wrong,
}

/// A whole request that was read and stayed unanswered for this long was being worked on.
const WORKED_ON: Duration = Duration::from_millis(250);

impl Reason {
    /// Why `request` has no whole answer; `None`: it has one, or it never reached the program.
    pub(super) fn unanswered(request: &Request) -> Option<Self> {
        let age = request.ended.since(request.connected.unwrap_or(request.begun));
        Some(match request.outcome {
            Outcome::Answered { .. } | Outcome::Refused | Outcome::ConnectTimeout => return None,
            Outcome::ClosedBeforeSend { .. } => Self::ClosedBeforeSend,
            Outcome::Unanswered { .. } if !request.sent => Self::HalfSent,
            // A connection with unread bytes is closed by a reset: one that ended in order had its request read.
            Outcome::Unanswered { close: Close::Eof } if age >= WORKED_ON => Self::InProgress,
            Outcome::Unanswered { .. } if !request.fresh => Self::Kept,
            Outcome::Unanswered { close: Close::Reset } => Self::NewReset,
            Outcome::Unanswered { close: Close::Eof } => Self::NewClosed,
            Outcome::CutInHead { .. } => Self::CutInHead,
            Outcome::CutInBody { .. } => Self::CutInBody,
            Outcome::Malformed => Self::Malformed,
            Outcome::TimedOut => Self::TimedOut,
        })
    }

    pub(super) fn column(self) -> Column {
        match self {
            Self::ClosedBeforeSend
            | Self::HalfSent
            | Self::NewReset
            | Self::NewClosed
            | Self::Kept
            | Self::InProgress => Column::Lost,
            Self::CutInHead | Self::CutInBody | Self::CutUnframed | Self::Malformed => Column::Truncated,
            Self::TimedOut => Column::TimedOut,
            Self::Status(_) | Self::Empty | Self::OtherLength | Self::OtherLocation => Column::Wrong,
        }
    }

    /// Whether no byte of an answer came.
    pub(super) fn is_silent(self) -> bool {
        self.column() == Column::Lost
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::ClosedBeforeSend => {
                "new connection accepted by the kernel and closed before the first byte was sent"
            }
            Self::HalfSent => "connection closed with the request half sent",
            Self::NewReset => "new connection reset with no response byte after the request was sent",
            Self::NewClosed => "new connection closed with no response byte after the request was sent",
            Self::Kept => "kept connection closed with no response byte after the request was sent",
            Self::InProgress => "connection closed while the request was being worked on",
            Self::CutInHead => "response cut within its head",
            Self::CutInBody => "response cut within its body",
            Self::CutUnframed => {
                "response without Content-Length or chunks ended with the connection, shorter than every one before \
                 the signal"
            }
            Self::Malformed => "response is not HTTP/1",
            Self::TimedOut => "accepted and not answered within --request-timeout",
            Self::Status(status) => return format!("status {status}"),
            Self::Empty => "empty body, which the route never had before the signal",
            Self::OtherLength => "another body than the one that the route always had before the signal",
            Self::OtherLocation => "another Location than before the signal",
        }
        .into()
    }
}
