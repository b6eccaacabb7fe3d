//! How one request ended, as its client saw it.

use serde::Serialize;

/// How one request ended. Exactly one per request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The whole response came.
    Answered {
        /// The response's status.
        status: u16,
    },
    /// No handshake: the kernel said that nobody listens.
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
    /// What came is not HTTP/1.
    Malformed,
    /// The request was written and its response was not whole within the limit.
    TimedOut,
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// By a reset (`ECONNRESET`, `EPIPE`).
    Reset,
    /// By an orderly end of stream.
    Eof,
}

/// What an outcome means for whoever sent the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// Answered whole.
    Served,
    /// It never reached the program; sending it again is safe.
    Safe,
    /// Accepted and not answered whole.
    Lost,
    /// Sent on a reused connection that closed at that moment. Counts as lost; a proxy's retry may hide it.
    Ambiguous,
}

impl Outcome {
    /// What it means, given whether its connection was `fresh` (this was its first request).
    pub fn meaning(self, fresh: bool) -> Meaning {
        match self {
            Self::Answered { .. } => Meaning::Served,
            Self::Refused | Self::ConnectTimeout => Meaning::Safe,
            Self::Unanswered { .. } if !fresh => Meaning::Ambiguous,
            Self::ClosedBeforeSend { .. }
            | Self::Unanswered { .. }
            | Self::CutInHead { .. }
            | Self::CutInBody { .. }
            | Self::Malformed
            | Self::TimedOut => Meaning::Lost,
        }
    }
}
