//! The requests in flight on a connection.

use std::task::Waker;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{Method, Request};
use http_body::Body;

use super::message::Framing;
use super::state::{ConnState, Phase};
use crate::http::Address;
use crate::http::registry::Order;
use crate::model::Straggler;

/// How many pipelined requests are served after the lame duck before the close is announced anyway, because the client
/// may never stop. It knows which ones were not answered (RFC 9112 §9.3.2).
const PIPELINED: u32 = 256;

/// One request in flight.
#[derive(Debug)]
pub(super) struct InFlightRequest {
    pub(super) id: u64,
    pub(super) method: Method,
    pub(super) path: Option<PathAndQuery>,
    /// Set once the request had to wait for something: most requests end before, and need no clock.
    pub(super) since: Option<Instant>,
    pub(super) framing: Framing,
    pub(super) answering: bool,
    /// Since the draining began: whether the response waits for the peer to take what it has been given.
    pub(super) offered: bool,
    /// Since the draining began: when the latest part of the response was given, or of the request's body arrived. For
    /// a WebSocket that is closing: when anything arrived.
    pub(super) latest: Option<Instant>,
    /// The request has failed, whatever the client gets.
    pub(super) failed: bool,
    pub(super) closing_handshake: ClosingHandshake,
    /// The waker of the request's task, if it has a separate one.
    pub(super) waker: Option<Waker>,
}

/// The state of the closing handshake of a WebSocket (RFC 6455 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClosingHandshake {
    No,
    /// The server's close frame was sent.
    Sent,
    /// The peer's close frame has arrived, or the end of its stream.
    Answered,
}

/// Identifies a request within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(pub(super) u64);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its response was passed on to the end.
    Whole,
    /// Its policy ended the response cleanly before its source had ended.
    Early,
    /// Its policy aborted the response. The client must be able to tell.
    AbortedByPolicy,
    /// It has no response, and nothing waits for one any more.
    Unanswered,
    /// Its response is incomplete, and the rest will not be sent. The client must be able to tell.
    Broken,
    /// It was cancelled at the deadline.
    Cancelled,
}

impl ConnState {
    /// Begins a request.
    pub(crate) fn begin<B: Body>(&mut self, request: &Request<B>) -> RequestId {
        let id = self.begun;
        self.begun += 1;
        if self.requests.capacity() == 0 {
            self.requests.reserve_exact(1); // HTTP/1 has one at a time; idle connections keep the capacity
        }
        self.requests.push(InFlightRequest {
            id,
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            since: None,
            framing: Framing::of(request.body()),
            answering: false,
            offered: true,
            latest: None,
            failed: false,
            closing_handshake: ClosingHandshake::No,
            waker: None,
        });
        RequestId(id)
    }

    /// Returns whether any request has begun on this connection.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun > 0
    }

    /// Returns whether several requests are in flight at once.
    pub(crate) fn is_shared(&self) -> bool {
        self.requests.len() > 1
    }

    /// Records that a request waits for something: its response if `answering` is not set, more of its body if it is.
    ///
    /// A stream's `waker` is kept: a separate task runs it, which is not woken with its connection.
    pub(crate) fn wait(&mut self, id: RequestId, answering: bool, waker: &Waker, now: Instant) {
        let multiplexed = self.is_multiplexed();
        if let Some(request) = self.current(id) {
            request.since.get_or_insert(now);
            if multiplexed {
                request.waker.get_or_insert_with(|| waker.clone());
            }
        }
        if answering {
            self.answering(id);
        }
    }

    /// Records that the response of a stream has begun, and waits for the peer's window if it has a body; `now` while
    /// draining.
    pub(crate) fn answer(&mut self, id: RequestId, tunnel: bool, now: Option<Instant>) {
        if let Some(request) = self.current(id) {
            (request.answering, request.offered, request.latest) = (true, !tunnel, now);
        }
    }

    /// Records, while draining, whether a response waits for its peer, which was given a part of it `now`, or for the
    /// service.
    pub(crate) fn offer(&mut self, id: RequestId, now: Option<Instant>) {
        if let Some(request) = self.current(id) {
            request.offered = now.is_some();
            request.latest = now.or(request.latest);
        }
    }

    /// Records that the request upgraded the connection, until its socket is dropped. Returns whether nothing of the
    /// new protocol has arrived yet.
    pub(crate) fn upgrade(&mut self) -> bool {
        self.phase = Phase::Upgraded;
        self.requests.last().is_some_and(|request| self.message.is_alone(request.framing))
    }

    /// Records a close frame of a WebSocket: the server's, sent `now`, or the peer's.
    pub(super) fn note_close_frame(&mut self, ours: Option<Instant>) {
        let Some(request) = self.requests.last_mut() else { return };
        match (request.closing_handshake, ours) {
            (ClosingHandshake::No, Some(now)) => {
                (request.closing_handshake, request.latest) = (ClosingHandshake::Sent, Some(now))
            }
            (_, None) => request.closing_handshake = ClosingHandshake::Answered,
            (_, Some(_)) => {}
        }
    }

    /// Returns whether the response to a request may announce the close: no request has arrived after it. `unread`
    /// checks for bytes that the parser has not read yet.
    pub(super) fn may_be_last(&mut self, id: RequestId, order: Order, unread: impl FnOnce() -> bool) -> bool {
        let request = self.requests.iter().find(|request| request.id == id.0);
        let last = request.is_some_and(|request| {
            let whole = self.message.is_alone(request.framing);
            // Unread bytes after a whole request are another one; after the beginning of a request they are its rest.
            self.message.nothing_follows(request.framing) && !(whole && unread())
        });
        if !last && order >= Order::Drain {
            self.pipelined += 1;
        }
        last || self.pipelined > PIPELINED
    }

    /// Returns whether one request is in progress that has arrived whole, and nothing after it.
    pub(super) fn is_alone(&self) -> bool {
        let [request] = self.requests.as_slice() else { return false };
        !self.is_multiplexed() && self.phase != Phase::Upgraded && self.message.is_alone(request.framing)
    }

    /// Returns the method and the path of a request in flight. The query is left out: it may contain what must not be
    /// logged.
    pub(crate) fn name_of(&self, id: RequestId) -> Option<(Method, String)> {
        let request = self.requests.iter().find(|request| request.id == id.0)?;
        let path = request.path.as_ref().map_or("", PathAndQuery::path);
        Some((request.method.clone(), path.to_owned()))
    }

    pub(super) fn current(&mut self, id: RequestId) -> Option<&mut InFlightRequest> {
        self.requests.iter_mut().find(|request| request.id == id.0)
    }
}

/// Which connections must not end cleanly, because their peer could mistake a part for the whole.
impl ConnState {
    /// Returns whether closing the socket would end a response early without the peer being able to tell.
    pub(super) fn must_reset(&self) -> bool {
        let unfinished = !self.is_multiplexed() && self.requests.iter().any(|request| request.answering);
        self.broken || ((unfinished || self.blocked) && self.phase != Phase::Upgraded)
    }

    /// Records that the peer gets part of the response to a request.
    pub(super) fn answering(&mut self, id: RequestId) {
        match self.current(id) {
            Some(request) => request.answering = true,
            // The request was cancelled before: the rest of its response may never follow.
            None => self.break_off(),
        }
    }

    /// Records that the peer of an HTTP/1 connection has part of a response and never gets the rest.
    pub(super) fn break_off(&mut self) {
        self.broken |= !self.is_multiplexed();
    }

    /// Records that the connection is upgraded to a protocol that may have no other end than that of the connection.
    pub(super) fn make_tunnel(&mut self) {
        self.tunnel = true;
    }

    /// Returns whether the connection was upgraded to a protocol that may have no other end than that of the
    /// connection.
    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel && self.is_upgraded()
    }
}

impl RequestId {
    /// Returns how many requests began before it on its connection.
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

impl InFlightRequest {
    pub(super) fn straggler(
        &self,
        peer: &Address,
        upgraded: bool,
        active: Instant,
        now: Instant,
    ) -> Straggler {
        // The query is left out: it may contain what must not be logged.
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        let upgraded = if upgraded { " (upgraded)" } else { "" };
        let name = format!("{} {path} from {peer}{upgraded}", self.method);
        let age = now.saturating_duration_since(self.since.unwrap_or(active));
        Straggler { name, age, created: None }
    }
}
