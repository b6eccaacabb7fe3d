use std::task::Waker;
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use http::{Method, Request};
use http_body::Body;

use super::Opening;
use super::message::{Framing, Message};
use crate::http::Address;
use crate::http::ledger::Order;
use crate::http::settings::Settings;
use crate::model::Straggler;

/// How many pipelined requests are served after the lame duck before the client is told to stop all the same: it might
/// go on for ever. It knows which ones were not answered (RFC 9112 §9.3.2).
const PIPELINED: u32 = 256;

/// Keeps what is known of one connection. Behind a lock that only its own task takes while nobody asks.
#[derive(Debug)]
pub(crate) struct Book {
    /// Whether the kernel can be asked when data last came or went, which spares a look at the clock for each request.
    timed_by_kernel: bool,
    phase: Phase,
    /// When the phase began, or, if that is not known yet, when the kernel last saw data.
    since: Option<Instant>,
    requests: Vec<Current>,
    begun: u64,
    finished: u64,
    message: Message,
    multiplexed: bool,
    pipelined: u32,
    /// The socket takes no more of a response that the service has finished.
    blocked: bool,
    /// The peer has part of a response and shall not take it for the whole.
    broken: bool,
    waker: Option<Waker>,
}

/// What the connection does while no request is in flight on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The peer has sent nothing yet.
    Silent,
    /// What comes before HTTP has begun, and is not through.
    Opening { what: Opening, began: Instant },
    /// Part of a request's head has come.
    HalfHead,
    /// Part of a TLS record has come, behind everything that was read.
    HalfRecord,
    /// The last response is out, and nothing has come since.
    Idle,
    /// Our side is closed; what the peer still sends is thrown away.
    Lingering,
    /// The socket was handed over to another protocol.
    Upgraded,
}

impl Phase {
    /// Tells whether part of something has come that the peer is not through with.
    fn is_half(self) -> bool {
        matches!(self, Self::HalfHead | Self::HalfRecord | Self::Opening { .. })
    }
}

#[derive(Debug)]
struct Current {
    id: u64,
    method: Method,
    path: Option<PathAndQuery>,
    /// Known once it had to wait for something: most requests end before, and need no clock.
    since: Option<Instant>,
    framing: Framing,
    answering: bool,
}

/// Identifies a request within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun(u64);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its response was handed over to the end.
    Whole,
    /// It has no response.
    Unanswered,
    /// Its response is not whole, and the client must be able to tell.
    Broken,
}

/// Says why a connection's time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing has been asked for long enough. Bytes that wait unread forbid the close.
    Quiet,
    /// A head was begun and not finished in time.
    HalfHead,
}

impl Book {
    pub(super) fn new(now: Instant, timed_by_kernel: bool) -> Self {
        Self {
            timed_by_kernel,
            phase: Phase::Silent,
            since: Some(now),
            requests: Vec::new(),
            begun: 0,
            finished: 0,
            message: Message::default(),
            multiplexed: false,
            pipelined: 0,
            blocked: false,
            broken: false,
            waker: None,
        }
    }

    /// Notes that bytes have come of what precedes HTTP.
    pub(super) fn opening(&mut self, what: Opening, now: Instant) {
        let began = match self.phase {
            Phase::Opening { began, .. } => began,
            _ => now,
        };
        (self.phase, self.since) = (Phase::Opening { what, began }, Some(now));
    }

    /// Notes that HTTP can begin.
    pub(super) fn opened(&mut self, now: Instant) {
        (self.phase, self.since) = (Phase::Silent, Some(now));
    }

    /// Notes whether part of a record has come, behind everything that could be read.
    pub(super) fn half_record(&mut self, half: bool, now: Instant) {
        let may_begin = !self.multiplexed && self.requests.is_empty();
        self.phase = match self.phase {
            Phase::Silent | Phase::Idle if half && may_begin => Phase::HalfRecord,
            // What the record held was not for us.
            Phase::HalfRecord if !half => Phase::Idle,
            _ => return,
        };
        self.since = Some(now);
    }

    /// Notes bytes on their way to the parser. Tells whether a head has begun with them and is not whole.
    pub(super) fn read(&mut self, bytes: &[u8], now: impl FnOnce() -> Instant) -> bool {
        if self.multiplexed {
            return false;
        }
        if !self.requests.is_empty() {
            self.message.more(bytes);
            return false;
        }
        let whole = self.message.head(bytes);
        // Empty lines are tolerated before a request (RFC 9112 §2.2). Between two they begin nothing; before the first
        // they end the silence. A whole head begins its request as soon as the parser has it.
        let blank = bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        let begins = match self.phase {
            Phase::Idle | Phase::HalfRecord => !whole && !blank,
            Phase::Silent => !whole || blank,
            _ => false,
        };
        if begins {
            (self.phase, self.since) = (Phase::HalfHead, Some(now()));
        }
        begins
    }

    pub(super) fn half_head(&mut self, now: Instant) {
        if self.phase != Phase::HalfHead {
            (self.phase, self.since) = (Phase::HalfHead, Some(now));
        }
    }

    /// Notes that the connection carries many requests at a time.
    pub(crate) fn multiplex(&mut self, now: Instant) {
        (self.multiplexed, self.phase, self.since) = (true, Phase::Idle, Some(now));
    }

    /// Notes that the peer was asked to end, and counts the quiet time from now where its answer ends the connection.
    pub(crate) fn asked(&mut self, now: Instant) {
        if self.multiplexed {
            self.since = Some(now);
        }
    }

    /// Begins a request.
    pub(crate) fn begin<B: Body>(&mut self, request: &Request<B>) -> Begun {
        let id = self.begun;
        self.begun += 1;
        self.requests.push(Current {
            id,
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            since: None,
            framing: Framing::of(request.body()),
            answering: false,
        });
        Begun(id)
    }

    /// Notes that a request waits for something: its response if `answering` is not set, more of its body if it is.
    pub(crate) fn wait(&mut self, begun: Begun, answering: bool, now: Instant) {
        if let Some(request) = self.requests.iter_mut().find(|request| request.id == begun.0) {
            request.since.get_or_insert(now);
            request.answering |= answering;
        }
    }

    /// Notes that the request made the connection something else, until its socket is dropped.
    pub(crate) fn upgrade(&mut self) {
        self.phase = Phase::Upgraded;
    }

    /// Ends a request: `whole` if the response was handed over to its end. Tells whether part of the next head has come.
    pub(super) fn end(&mut self, begun: Begun, outcome: Ended, now: impl FnOnce() -> Instant) -> bool {
        let Some(at) = self.requests.iter().position(|request| request.id == begun.0) else {
            return false; // it was cut, and counted as that
        };
        let request = self.requests.swap_remove(at);
        match outcome {
            Ended::Whole => self.finished += 1,
            Ended::Unanswered => {}
            Ended::Broken => self.broken |= !self.multiplexed,
        }
        if !self.requests.is_empty() {
            return false;
        }
        let next_began = self.message.ended(request.framing);
        self.phase = if next_began { Phase::HalfHead } else { Phase::Idle };
        self.since = (next_began || !self.timed_by_kernel).then(now);
        next_began
    }

    /// Tells whether the response to a request may say that it is the last: no request has come behind it.
    pub(crate) fn may_be_last(&mut self, begun: Begun, order: Order) -> bool {
        let request = self.requests.iter().find(|request| request.id == begun.0);
        let last = request.is_some_and(|request| self.message.nothing_follows(request.framing));
        if !last && order >= Order::Drain {
            self.pipelined += 1;
        }
        last || self.pipelined > PIPELINED
    }

    /// Notes whether the socket takes what is written.
    pub(super) fn set_blocked(&mut self, blocked: bool, now: Instant) {
        self.blocked = blocked;
        if self.phase == Phase::Idle {
            self.since = Some(now);
        }
    }

    pub(super) fn linger(&mut self) {
        self.phase = Phase::Lingering;
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.phase == Phase::Upgraded
    }

    /// Tells whether closing the socket would end a response early without the peer being able to tell.
    pub(super) fn must_reset(&self) -> bool {
        let unfinished = self.requests.iter().any(|request| request.answering);
        self.broken || (unfinished && !self.multiplexed && self.phase != Phase::Upgraded)
    }

    pub(super) fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    pub(crate) fn waker(&self) -> Option<Waker> {
        self.waker.clone()
    }

    /// Returns when the connection's time will have come, if it stays as it is; `active` tells when data last came or
    /// went.
    pub(super) fn due(
        &mut self,
        order: Order,
        settings: &Settings,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, Reason)> {
        if !self.requests.is_empty() || self.blocked {
            return None;
        }
        let draining = matches!(order, Order::Drain);
        let (after, reason) = match self.phase {
            Phase::HalfHead | Phase::HalfRecord => (settings.header_timeout, Reason::HalfHead),
            Phase::Opening { began, .. } => {
                // While it goes on it is finished, within its time; when it stops, it shall not hold the stop.
                let limit = began + settings.handshake_timeout;
                let stalled = self.since.filter(|_| draining).map(|since| since + settings.first_byte_grace);
                return Some((stalled.map_or(limit, |stalled| stalled.min(limit)), Reason::HalfHead));
            }
            Phase::Silent if draining => (settings.first_byte_grace, Reason::Quiet),
            Phase::Idle if draining => (settings.idle_quiet, Reason::Quiet),
            _ => return None,
        };
        Some((*self.since.get_or_insert_with(active) + after, reason))
    }

    pub(crate) fn in_flight(&self) -> u64 {
        let lone = self.requests.is_empty() && (self.blocked || self.phase.is_half());
        self.requests.len() as u64 + u64::from(lone)
    }

    pub(crate) fn finished(&self) -> u64 {
        self.finished - u64::from(self.is_flushing())
    }

    /// Returns how many finish when the socket is dropped without having been cut.
    pub(super) fn close(&mut self) -> u64 {
        let upgraded = u64::from(self.phase == Phase::Upgraded && !self.requests.is_empty());
        let flushing = u64::from(self.is_flushing());
        self.requests.clear();
        self.finished + upgraded - flushing
    }

    /// Returns what is in flight; `active` is when data last came or went.
    pub(super) fn stragglers(&self, peer: &Address, active: Instant, now: Instant) -> Vec<Straggler> {
        let age = |since: Option<Instant>| now.saturating_duration_since(since.unwrap_or(active));
        let straggler = |name: String, age: Duration| Straggler { name, age, created: None };
        if self.requests.is_empty() {
            let name = match self.phase {
                _ if self.blocked => format!("the rest of a response to {peer}"),
                Phase::HalfHead => format!("half a request head from {peer}"),
                Phase::HalfRecord => format!("half a TLS record from {peer}"),
                Phase::Opening { what, .. } => format!("half a {what} from {peer}"),
                _ => return Vec::new(),
            };
            return vec![straggler(name, age(self.since))];
        }
        let upgraded = if self.phase == Phase::Upgraded { " (upgraded)" } else { "" };
        let name = |request: &Current| {
            // The query is left out: it may hold what does not belong in a log.
            let path = request.path.as_ref().map_or("", PathAndQuery::path);
            format!("{} {path} from {peer}{upgraded}", request.method)
        };
        self.requests.iter().map(|request| straggler(name(request), age(request.since))).collect()
    }

    /// Ends what is in flight; returns it.
    pub(super) fn cut(&mut self, peer: &Address, active: Instant, now: Instant) -> Vec<Straggler> {
        let cut = self.stragglers(peer, active, now);
        self.broken |= self.must_reset() || self.blocked;
        self.finished -= u64::from(self.is_flushing());
        self.requests.clear();
        self.blocked = false;
        if self.phase.is_half() {
            self.phase = Phase::Idle;
        }
        cut
    }

    /// Tells whether the last response has left the service, and not yet our buffer.
    fn is_flushing(&self) -> bool {
        self.requests.is_empty() && self.blocked && self.finished > 0
    }
}
