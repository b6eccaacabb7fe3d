//! One request and the connection it used.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Answer, Endpoint, Meaning, Outcome};
use crate::clock::At;

/// The header that names a request, so that a server can check that it arrived once.
pub(crate) const REQUEST_ID: &str = "x-ebbtide-request";

/// One request, from the time it was due to its end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The number in the `x-ebbtide-request` header, or in the line; unique within a run.
    pub id: u64,
    /// The load it belongs to.
    pub shape: Shape,
    /// The protocol phase it was held in at the signal, for [`Shape::Phases`].
    pub phase: Option<Phase>,
    /// The address that it was sent to.
    pub to: Endpoint,
    /// Method and path, `{ms}` as it is, or `TCP` and the line: what its answer can be compared with.
    pub route: Box<str>,
    /// Whether it was the first request of its connection.
    pub fresh: bool,
    /// When its client began to open the connection: for a reused one long ago.
    pub opened: At,
    /// When it was due: latency counts from here. In an open loop this is the scheduled time.
    pub due: At,
    /// When its client began, connecting included.
    pub begun: At,
    /// When the handshake was done; for a reused connection, when the request began. `None`: it never was.
    pub connected: Option<At>,
    /// How long the client left a new connection silent before the first byte, in milliseconds, if that was 100 or more, because it got no
    /// processor time, and the server had closed the connection by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_ms: Option<u64>,
    /// Whether the request was written completely.
    pub sent: bool,
    /// When its outcome was known.
    pub ended: At,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What a whole answer looked like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// How far a WebSocket or a truncated body came, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The order that the service acknowledged with 201, for [`Shape::Orders`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<str>>,
}

impl Request {
    /// Returns the meaning of the outcome.
    pub fn meaning(&self) -> Meaning {
        self.outcome.meaning(self.fresh)
    }

    /// Returns whether it is a line, not a request of HTTP.
    pub(crate) fn is_line(&self) -> bool {
        self.shape == Shape::Tcp || self.phase == Some(Phase::HalfLine)
    }
}

/// How far an exchange came: of a WebSocket or a call that streams the messages, of a download or an upload the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The messages that were echoed or received, or the bytes that were received or sent.
    pub done: u64,
    /// The messages that were sent, or the length of the whole body.
    pub of: u64,
}

/// A kind of load.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A new connection for every request, as fast as they come.
    Storm,
    /// Connections that are kept, with a think time between requests.
    Keepalive,
    /// Requests that are in flight for seconds.
    Slow,
    /// Requests on a schedule, whether or not earlier ones have finished.
    Open,
    /// Orders for the demo service.
    Orders,
    /// WebSockets with messages that are to be echoed.
    Websocket,
    /// Streams of server-sent events.
    Events,
    /// Long responses that are read slowly.
    Download,
    /// Bodies that are sent slowly, when the server has asked for them (`100 Continue`).
    Upload,
    /// Calls of gRPC that stream messages to the service.
    ClientStream,
    /// Calls of gRPC that stream messages, each of which is answered by a message.
    BidiStream,
    /// Lines on a connection, each of which is answered by a line.
    Tcp,
    /// One connection held in each phase of the protocol at the signal.
    Phases,
}

impl Shape {
    /// Every shape, in the order of the tables.
    pub const ALL: [Self; 13] = [
        Self::Storm,
        Self::Keepalive,
        Self::Slow,
        Self::Open,
        Self::Orders,
        Self::Websocket,
        Self::Events,
        Self::Download,
        Self::Upload,
        Self::ClientStream,
        Self::BidiStream,
        Self::Tcp,
        Self::Phases,
    ];

    /// Returns whether an exchange of this shape lasts for seconds, so that few or none end before the signal.
    pub(crate) fn is_long(self) -> bool {
        use Shape::{BidiStream, ClientStream, Download, Events, Phases, Slow, Upload, Websocket};
        matches!(self, Slow | Websocket | Events | Download | Upload | ClientStream | BidiStream | Phases)
    }

    /// Returns the name in options and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Storm => "storm",
            Self::Keepalive => "keepalive",
            Self::Slow => "slow",
            Self::Open => "open",
            Self::Orders => "orders",
            Self::Websocket => "websocket",
            Self::Events => "events",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::ClientStream => "client-stream",
            Self::BidiStream => "bidi-stream",
            Self::Tcp => "tcp",
            Self::Phases => "phases",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The protocol phase in which a connection is held at the signal; it continues 150 ms later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Connected, nothing sent.
    Silent,
    /// Half of the request's head sent.
    HalfHead,
    /// The head and half of the body sent.
    HalfBody,
    /// The request sent, its answer not begun.
    Awaiting,
    /// One byte of the answer read.
    HalfRead,
    /// One request answered, idle since.
    Idle,
    /// One request answered, half of the second one's head sent.
    SecondHalfSent,
    /// Two requests sent at once, the first one slow.
    Pipelined,
    /// Connected only after the signal.
    AfterSignal,
    /// Half of a line sent.
    HalfLine,
}

impl Phase {
    /// Returns the name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "connected and silent",
            Self::HalfHead => "half a head sent",
            Self::HalfBody => "half a body sent",
            Self::Awaiting => "awaiting the answer",
            Self::HalfRead => "answer half read",
            Self::Idle => "idle, then a request",
            Self::SecondHalfSent => "second request half sent",
            Self::Pipelined => "pipelined behind a slow one",
            Self::AfterSignal => "new connection after the signal",
            Self::HalfLine => "half a line sent",
        }
    }
}
