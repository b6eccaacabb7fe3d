use std::task::Waker;
use std::time::Instant;

use super::Opening;
use super::fates::RequestOutcomes;
use super::in_flight::InFlightRequest;
use super::message::Message;
use crate::http::Address;
use crate::http::registry::Order;
use crate::model::Straggler;

/// The state of one connection. Its lock is uncontended unless the registry reads it: otherwise only the connection's
/// task takes it.
#[derive(Debug)]
pub(crate) struct ConnState {
    /// Whether the kernel reports when data was last received or sent, which saves a clock read for each request.
    pub(super) timed_by_kernel: bool,
    pub(super) phase: Phase,
    /// When the phase began; `None` if only the kernel has that time.
    pub(super) since: Option<Instant>,
    pub(super) requests: Vec<InFlightRequest>,
    pub(super) begun: u64,
    pub(super) fates: RequestOutcomes,
    pub(super) message: Message,
    /// Only of a connection that carries many requests at a time.
    pub(super) streams: Option<Box<MultiplexState>>,
    pub(super) pipelined: u32,
    /// The socket takes no more of a response that the service has finished.
    pub(super) blocked: bool,
    /// How many times the socket has become full.
    blocks: u64,
    /// The peer has part of a response and must not mistake it for the whole.
    pub(super) broken: bool,
    waker: Option<Waker>,
    pub(super) parking: Parking,
    /// How many requests had begun when the idle connections were last looked for.
    looked_at: u64,
    /// The connection was upgraded to a protocol that may have no other end than that of the connection.
    pub(super) tunnel: bool,
}

impl ConnState {
    pub(super) fn new(now: Instant, timed_by_kernel: bool) -> Self {
        Self {
            timed_by_kernel,
            phase: Phase::Silent,
            since: Some(now),
            requests: Vec::new(),
            begun: 0,
            fates: RequestOutcomes::default(),
            message: Message::default(),
            streams: None,
            pipelined: 0,
            blocked: false,
            blocks: 0,
            broken: false,
            waker: None,
            parking: Parking::No,
            looked_at: 0,
            tunnel: false,
        }
    }

    /// Records that bytes of a phase before HTTP have arrived.
    pub(super) fn opening(&mut self, what: Opening, now: Instant) {
        let began = match self.phase {
            Phase::Opening { began, .. } => began,
            _ => now,
        };
        (self.phase, self.since) = (Phase::Opening { what, began }, Some(now));
    }

    /// Records that HTTP can begin.
    pub(super) fn opened(&mut self, now: Instant) {
        (self.phase, self.since) = (Phase::Silent, Some(now));
    }

    /// Records whether an incomplete record has arrived after everything that could be read.
    pub(super) fn half_record(&mut self, half: bool, now: Instant) {
        let may_begin = !self.is_multiplexed() && self.requests.is_empty();
        self.phase = match self.phase {
            Phase::Silent | Phase::Idle if half && may_begin => Phase::HalfRecord,
            // The record contained no data for HTTP.
            Phase::HalfRecord if !half => Phase::Idle,
            _ => return,
        };
        self.since = Some(now);
    }

    /// Records bytes on their way to the parser. Returns whether they begin a head and do not complete it.
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8], now: impl FnOnce() -> Instant) -> bool {
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
        self.parking = Parking::No;
        let whole = self.message.head(bytes);
        if matches!(self.phase, Phase::HalfHead { .. }) {
            self.since = (!whole).then(now).or(self.since);
            return false;
        }
        // Empty lines are tolerated before a request (RFC 9112 §2.2). Between two requests they begin nothing; before
        // the first one they end the silence. A whole head begins its request as soon as the parser has it.
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

    pub(super) fn half_head(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::HalfHead { .. }) {
            self.phase = Phase::HalfHead { began: now };
        }
        self.since = Some(now);
    }

    /// Records that the connection carries many requests at a time.
    pub(crate) fn multiplex(&mut self, now: Instant) {
        self.streams = Some(Box::default());
        (self.phase, self.since) = (Phase::Idle, Some(now));
    }

    pub(super) fn is_multiplexed(&self) -> bool {
        self.streams.is_some()
    }

    /// Records that the peer was asked to end, if its answer ends the connection.
    pub(crate) fn asked(&mut self, now: Instant) {
        if let Some(streams) = &mut self.streams {
            streams.asked.get_or_insert(now);
        }
    }

    /// Records how many requests wait for more of their bodies, and when the peer last sent anything for a request.
    pub(super) fn uploads(&mut self, waiting: usize, progress: Option<Instant>) {
        if let Some(streams) = &mut self.streams {
            streams.uploading = waiting;
            streams.progress = progress.or(streams.progress);
        }
    }

    /// Records whether the socket is full.
    pub(super) fn set_blocked(&mut self, blocked: bool, now: Instant) {
        self.blocked = blocked;
        self.blocks += u64::from(blocked);
        if self.phase == Phase::Idle {
            self.since = Some(now);
        }
    }

    /// Returns how many times the socket has become full.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(super) fn linger(&mut self) {
        self.phase = Phase::Lingering;
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.phase == Phase::Upgraded
    }

    /// Returns the waker of the connection's task if the connection can be parked, and no request has begun since the last
    /// call.
    pub(super) fn rests(&mut self) -> Option<Waker> {
        let rests = self.is_parkable() && self.looked_at == self.begun;
        self.looked_at = self.begun;
        self.waker.clone().filter(|_| rests)
    }

    /// Records that the connection is parked, if it can be.
    pub(super) fn park(&mut self) -> bool {
        let parks = self.is_parkable();
        if parks {
            self.parking = Parking::Parked;
        }
        parks
    }

    /// Returns whether the connection waits, parked, for its next request.
    #[cfg(test)]
    pub(crate) fn is_parked(&self) -> bool {
        self.parking == Parking::Parked
    }

    /// Returns whether the parser has nothing of a message, and nothing to write.
    fn is_parkable(&self) -> bool {
        self.parking == Parking::Possible
            && self.phase == Phase::Idle
            && self.requests.is_empty()
            && !self.must_reset()
    }

    pub(super) fn set_waker(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    /// Adds the wakers of the tasks that an increase to this order affects.
    pub(crate) fn wakers(&self, order: Order, wakers: &mut Vec<Waker>) {
        // HTTP/1 has nothing to announce before its next response; an idle connection may have to close.
        if order >= Order::Drain || self.is_multiplexed() || self.requests.is_empty() {
            wakers.extend(self.waker.clone());
        }
        if order >= Order::Drain {
            wakers.extend(self.requests.iter().filter_map(|request| request.waker.clone()));
        }
    }

    /// Returns what is in flight; `active` is when data was last received or sent.
    pub(super) fn stragglers(&self, peer: &Address, active: Instant, now: Instant) -> Vec<Straggler> {
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
}

/// The phase of a connection while no request is in flight on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The peer has sent nothing yet.
    Silent,
    /// A phase before HTTP has begun and is not complete.
    Opening { what: Opening, began: Instant },
    /// Part of a request's head has arrived.
    HalfHead { began: Instant },
    /// Part of a TLS record has arrived, after everything that was read.
    HalfRecord,
    /// The last response was sent, and nothing has arrived since.
    Idle,
    /// The server has closed its side; what the peer still sends is discarded.
    Lingering,
    /// The socket was passed to another protocol.
    Upgraded,
}

/// Whether an HTTP/1 connection can be parked: kept without its parser and its buffers, which are created again with the next bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parking {
    No,
    /// The last request had no body, and nothing has arrived after it: the parser has nothing that another would need.
    Possible,
    Parked,
}

impl Phase {
    /// Returns whether the peer has begun something that it has not completed.
    pub(super) fn is_half(self) -> bool {
        matches!(self, Self::HalfHead { .. } | Self::HalfRecord | Self::Opening { .. })
    }
}

/// The state of a connection that carries many requests at a time.
#[derive(Debug, Default)]
pub(super) struct MultiplexState {
    /// When the peer was asked to end.
    pub(super) asked: Option<Instant>,
    /// The peer has sent something since, which must include its answer.
    pub(super) heard: bool,
    /// How many requests wait for more of their bodies, which the peer may send.
    pub(super) uploading: usize,
    /// When the peer last sent anything for a request, noted from the stop signal on.
    pub(super) progress: Option<Instant>,
}
