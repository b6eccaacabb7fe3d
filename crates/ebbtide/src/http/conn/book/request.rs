use std::task::Waker;
use std::time::Instant;

use http::Method;
use http::uri::PathAndQuery;

use crate::http::Address;
use crate::http::conn::message::Framing;
use crate::model::Straggler;

/// One request in flight.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) id: u64,
    pub(super) method: Method,
    pub(super) path: Option<PathAndQuery>,
    /// Known once it had to wait for something: most requests end before, and need no clock.
    pub(super) since: Option<Instant>,
    pub(super) framing: Framing,
    pub(super) answering: bool,
    /// Since the draining began: the peer is waited for, to take what it has been given.
    pub(super) offered: bool,
    /// Since the draining began: when the latest part of the response was given, or of the request's body came. Of a WebSocket
    /// that was closed: when anything came.
    pub(super) latest: Option<Instant>,
    /// It has failed, whatever the client gets of it.
    pub(super) failed: bool,
    pub(super) farewell: Farewell,
    /// Of the request's own task, where it has one.
    pub(super) waker: Option<Waker>,
}

/// How far the closing handshake of a WebSocket is (RFC 6455 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    No,
    /// Our close frame was sent.
    Sent,
    /// The peer's close frame has come, or the end of its stream.
    Answered,
}

/// Identifies a request within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun(pub(super) u64);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its response was handed over to the end.
    Whole,
    /// Its response was ended in order before its source had ended, by its policy.
    Early,
    /// Its response was broken off by its policy. The client must be able to tell.
    BrokenOff,
    /// It has no response: nothing waits for one any more.
    Unanswered,
    /// Its response is not whole: nothing takes the rest of it. The client must be able to tell.
    Broken,
    /// It was cut at the deadline.
    Cut,
}

impl Begun {
    /// Returns how many requests began before it on its connection.
    pub(in crate::http::conn) fn number(self) -> u64 {
        self.0
    }
}

impl Current {
    pub(super) fn straggler(
        &self,
        peer: &Address,
        upgraded: bool,
        active: Instant,
        now: Instant,
    ) -> Straggler {
        // The query is left out: it may hold what does not belong in a log.
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        let upgraded = if upgraded { " (upgraded)" } else { "" };
        let name = format!("{} {path} from {peer}{upgraded}", self.method);
        let age = now.saturating_duration_since(self.since.unwrap_or(active));
        Straggler { name, age, created: None }
    }
}
