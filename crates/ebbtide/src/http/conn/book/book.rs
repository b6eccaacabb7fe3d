use std::task::Waker;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{Method, Request};
use http_body::Body;

use super::fates::Fates;
use super::phase::Phase;
use super::request::{Begun, Current, Farewell};
use super::streams::Streams;
use crate::http::Address;
use crate::http::conn::Opening;
use crate::http::conn::message::{Framing, Message};
use crate::http::order::Order;
use crate::model::Straggler;

/// How many pipelined requests are served after the lame duck before the client is told to stop all the same: it might
/// go on for ever. It knows which ones were not answered (RFC 9112 §9.3.2).
const PIPELINED: u32 = 256;

/// Keeps what is known of one connection. Behind a lock that only its own task takes while nobody asks.
#[derive(Debug)]
pub(crate) struct Book {
    /// Whether the kernel can be asked when data last came or went, which spares a look at the clock for each request.
    pub(super) timed_by_kernel: bool,
    pub(super) phase: Phase,
    /// When the phase began, or, if that is not known yet, when the kernel last saw data.
    pub(super) since: Option<Instant>,
    pub(super) requests: Vec<Current>,
    pub(super) begun: u64,
    pub(super) fates: Fates,
    pub(super) message: Message,
    /// Of a connection that carries many requests at a time.
    pub(super) streams: Option<Box<Streams>>,
    pipelined: u32,
    /// The socket takes no more of a response that the service has finished.
    pub(super) blocked: bool,
    /// How many times it has begun to take no more.
    blocks: u64,
    /// The peer has part of a response and shall not take it for the whole.
    pub(super) broken: bool,
    waker: Option<Waker>,
    /// The connection was upgraded to a protocol whose only end may be that of the connection.
    pub(super) tunnel: bool,
}

impl Book {
    pub(in crate::http::conn) fn new(now: Instant, timed_by_kernel: bool) -> Self {
        Self {
            timed_by_kernel,
            phase: Phase::Silent,
            since: Some(now),
            requests: Vec::new(),
            begun: 0,
            fates: Fates::default(),
            message: Message::default(),
            streams: None,
            pipelined: 0,
            blocked: false,
            blocks: 0,
            broken: false,
            waker: None,
            tunnel: false,
        }
    }

    /// Notes that bytes have come of what precedes HTTP.
    pub(in crate::http::conn) fn opening(&mut self, what: Opening, now: Instant) {
        let began = match self.phase {
            Phase::Opening { began, .. } => began,
            _ => now,
        };
        (self.phase, self.since) = (Phase::Opening { what, began }, Some(now));
    }

    /// Notes that HTTP can begin.
    pub(in crate::http::conn) fn opened(&mut self, now: Instant) {
        (self.phase, self.since) = (Phase::Silent, Some(now));
    }

    /// Notes whether part of a record has come, behind everything that could be read.
    pub(in crate::http::conn) fn half_record(&mut self, half: bool, now: Instant) {
        let may_begin = !self.is_multiplexed() && self.requests.is_empty();
        self.phase = match self.phase {
            Phase::Silent | Phase::Idle if half && may_begin => Phase::HalfRecord,
            // What the record held was not for us.
            Phase::HalfRecord if !half => Phase::Idle,
            _ => return,
        };
        self.since = Some(now);
    }

    /// Notes bytes on their way to the parser. Tells whether a head has begun with them and is not whole.
    #[inline]
    pub(in crate::http::conn) fn read(&mut self, bytes: &[u8], now: impl FnOnce() -> Instant) -> bool {
        if let Some(streams) = &mut self.streams {
            streams.heard |= streams.asked.is_some();
            return false;
        }
        if let Some(request) = self.requests.last_mut() {
            self.message.more(bytes);
            if let Some(latest) = &mut request.latest {
                *latest = now();
            }
            return false;
        }
        let whole = self.message.head(bytes);
        if matches!(self.phase, Phase::HalfHead { .. }) {
            self.since = (!whole).then(now).or(self.since);
            return false;
        }
        // Empty lines are tolerated before a request (RFC 9112 §2.2). Between two they begin nothing; before the first
        // they end the silence. A whole head begins its request as soon as the parser has it.
        let blank = bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        let begins = match self.phase {
            Phase::Idle | Phase::HalfRecord => !whole && !blank,
            Phase::Silent => !whole || blank,
            _ => false,
        };
        if begins {
            let began = now();
            (self.phase, self.since) = (Phase::HalfHead { began }, Some(began));
        }
        begins
    }

    pub(in crate::http::conn) fn half_head(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::HalfHead { .. }) {
            self.phase = Phase::HalfHead { began: now };
        }
        self.since = Some(now);
    }

    /// Notes that the connection carries many requests at a time.
    pub(crate) fn multiplex(&mut self, now: Instant) {
        self.streams = Some(Box::default());
        (self.phase, self.since) = (Phase::Idle, Some(now));
    }

    pub(super) fn is_multiplexed(&self) -> bool {
        self.streams.is_some()
    }

    /// Tells whether several requests are in flight at a time.
    pub(crate) fn is_shared(&self) -> bool {
        self.requests.len() > 1
    }

    /// Notes that the peer was asked to end, where its answer ends the connection.
    pub(crate) fn asked(&mut self, now: Instant) {
        if let Some(streams) = &mut self.streams {
            streams.asked.get_or_insert(now);
        }
    }

    /// Notes how many requests wait for more of their bodies, and when the peer last sent anything for a request.
    pub(in crate::http::conn) fn uploads(&mut self, waiting: usize, progress: Option<Instant>) {
        if let Some(streams) = &mut self.streams {
            streams.uploading = waiting;
            streams.progress = progress.or(streams.progress);
        }
    }

    /// Tells whether a request has begun, now or before.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun > 0
    }

    /// Begins a request.
    pub(crate) fn begin<B: Body>(&mut self, request: &Request<B>) -> Begun {
        let id = self.begun;
        self.begun += 1;
        if self.requests.capacity() == 0 {
            self.requests.reserve_exact(1); // HTTP/1 has one at a time, and may be idle for long with its place
        }
        self.requests.push(Current {
            id,
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            since: None,
            framing: Framing::of(request.body()),
            answering: false,
            offered: true,
            latest: None,
            failed: false,
            farewell: Farewell::No,
            waker: None,
        });
        Begun(id)
    }

    /// Notes that a request waits for something: its response if `answering` is not set, more of its body if it is.
    ///
    /// A stream's `waker` is kept: a task of its own runs it, and hears nothing of what its connection is told.
    pub(crate) fn wait(&mut self, begun: Begun, answering: bool, waker: &Waker, now: Instant) {
        let multiplexed = self.is_multiplexed();
        if let Some(request) = self.current(begun) {
            request.since.get_or_insert(now);
            if multiplexed {
                request.waker.get_or_insert_with(|| waker.clone());
            }
        }
        if answering {
            self.answering(begun);
        }
    }

    /// Notes that the response of a stream has begun, and waits for the peer's window if it has a body; `now` while draining.
    pub(crate) fn answer(&mut self, begun: Begun, tunnel: bool, now: Option<Instant>) {
        if let Some(request) = self.current(begun) {
            (request.answering, request.offered, request.latest) = (true, !tunnel, now);
        }
    }

    /// Notes, while draining, whether a response waits for its peer, to whom a part of it was given just `now`, or for
    /// the service.
    pub(crate) fn offer(&mut self, begun: Begun, now: Option<Instant>) {
        if let Some(request) = self.current(begun) {
            request.offered = now.is_some();
            request.latest = now.or(request.latest);
        }
    }

    /// Notes that the request made the connection something else, until its socket is dropped. Tells whether nothing of that
    /// has come yet.
    pub(crate) fn upgrade(&mut self) -> bool {
        self.phase = Phase::Upgraded;
        self.requests.last().is_some_and(|request| self.message.is_alone(request.framing))
    }

    /// Notes a close frame of a WebSocket: ours to the peer, sent `now`, or the peer's.
    pub(in crate::http::conn) fn farewell(&mut self, ours: Option<Instant>) {
        let Some(request) = self.requests.last_mut() else { return };
        match (request.farewell, ours) {
            (Farewell::No, Some(now)) => (request.farewell, request.latest) = (Farewell::Sent, Some(now)),
            (_, None) => request.farewell = Farewell::Answered,
            (_, Some(_)) => {}
        }
    }

    /// Tells whether the response to a request may say that it is the last: no request has come behind it. `unread` looks
    /// for what the parser has not asked for yet.
    pub(in crate::http::conn) fn may_be_last(
        &mut self,
        begun: Begun,
        order: Order,
        unread: impl FnOnce() -> bool,
    ) -> bool {
        let request = self.requests.iter().find(|request| request.id == begun.0);
        let last = request.is_some_and(|request| {
            let whole = self.message.is_alone(request.framing);
            // What is unread behind a whole request is another; behind the beginning of one it is the rest.
            self.message.nothing_follows(request.framing) && !(whole && unread())
        });
        if !last && order >= Order::Drain {
            self.pipelined += 1;
        }
        last || self.pipelined > PIPELINED
    }

    /// Tells whether one request is being served that has come whole, and nothing behind it.
    pub(in crate::http::conn) fn is_alone(&self) -> bool {
        let [request] = self.requests.as_slice() else { return false };
        !self.is_multiplexed() && self.phase != Phase::Upgraded && self.message.is_alone(request.framing)
    }

    /// Notes whether the socket takes what is written.
    pub(in crate::http::conn) fn set_blocked(&mut self, blocked: bool, now: Instant) {
        self.blocked = blocked;
        self.blocks += u64::from(blocked);
        if self.phase == Phase::Idle {
            self.since = Some(now);
        }
    }

    /// Returns how many times the socket has begun to take no more.
    pub(in crate::http::conn) fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(in crate::http::conn) fn linger(&mut self) {
        self.phase = Phase::Lingering;
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.phase == Phase::Upgraded
    }

    pub(in crate::http::conn) fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    /// Adds those to wake when the order is raised to this.
    pub(crate) fn wakers(&self, order: Order, wakers: &mut Vec<Waker>) {
        // HTTP/1 has nothing to announce before its next response; one that is idle may have to leave.
        if order >= Order::Drain || self.is_multiplexed() || self.requests.is_empty() {
            wakers.extend(self.waker.clone());
        }
        if order >= Order::Drain {
            wakers.extend(self.requests.iter().filter_map(|request| request.waker.clone()));
        }
    }

    /// Returns what is in flight; `active` is when data last came or went.
    pub(in crate::http::conn) fn stragglers(
        &self,
        peer: &Address,
        active: Instant,
        now: Instant,
    ) -> Vec<Straggler> {
        if self.requests.is_empty() {
            let name = match self.phase {
                _ if self.blocked => format!("the rest of a response to {peer}"),
                Phase::HalfHead { .. } => format!("half a request head from {peer}"),
                Phase::HalfRecord => format!("half a TLS record from {peer}"),
                Phase::Opening { what, .. } => format!("half a {what} from {peer}"),
                _ => return Vec::new(),
            };
            let age = now.saturating_duration_since(self.since.unwrap_or(active));
            return vec![Straggler { name, age, created: None }];
        }
        let upgraded = self.is_upgraded();
        self.requests.iter().map(|request| request.straggler(peer, upgraded, active, now)).collect()
    }

    /// Returns the method and the path of a request in flight. The query may hold what does not belong in a log.
    pub(crate) fn name_of(&self, begun: Begun) -> Option<(Method, String)> {
        let request = self.requests.iter().find(|request| request.id == begun.0)?;
        let path = request.path.as_ref().map_or("", PathAndQuery::path);
        Some((request.method.clone(), path.to_owned()))
    }

    pub(super) fn current(&mut self, begun: Begun) -> Option<&mut Current> {
        self.requests.iter_mut().find(|request| request.id == begun.0)
    }
}
