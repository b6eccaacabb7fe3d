use std::task::Waker;
use std::time::Instant;

use super::Opening;
use super::fates::Fates;
use super::in_flight::InFlightRequest;
use super::message::Message;
use crate::http::Address;
use crate::http::registry::Order;
use crate::model::Straggler;

/// Keeps what is known of one connection. Behind a lock that only its own task takes while nobody asks.
#[derive(Debug)]
pub(crate) struct ConnState {
    /// Whether the kernel can be asked when data last came or went, which spares a look at the clock for each request.
    pub(super) timed_by_kernel: bool,
    pub(super) phase: Phase,
    /// When the phase began, or, if that is not known yet, when the kernel last saw data.
    pub(super) since: Option<Instant>,
    pub(super) requests: Vec<InFlightRequest>,
    pub(super) begun: u64,
    pub(super) fates: Fates,
    pub(super) message: Message,
    /// Of a connection that carries many requests at a time.
    pub(super) streams: Option<Box<MultiplexState>>,
    pub(super) pipelined: u32,
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

impl ConnState {
    pub(super) fn new(now: Instant, timed_by_kernel: bool) -> Self {
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

    pub(super) fn half_head(&mut self, now: Instant) {
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

    /// Notes that the peer was asked to end, where its answer ends the connection.
    pub(crate) fn asked(&mut self, now: Instant) {
        if let Some(streams) = &mut self.streams {
            streams.asked.get_or_insert(now);
        }
    }

    /// Notes how many requests wait for more of their bodies, and when the peer last sent anything for a request.
    pub(super) fn uploads(&mut self, waiting: usize, progress: Option<Instant>) {
        if let Some(streams) = &mut self.streams {
            streams.uploading = waiting;
            streams.progress = progress.or(streams.progress);
        }
    }

    /// Notes whether the socket takes what is written.
    pub(super) fn set_blocked(&mut self, blocked: bool, now: Instant) {
        self.blocked = blocked;
        self.blocks += u64::from(blocked);
        if self.phase == Phase::Idle {
            self.since = Some(now);
        }
    }

    /// Returns how many times the socket has begun to take no more.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(super) fn linger(&mut self) {
        self.phase = Phase::Lingering;
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.phase == Phase::Upgraded
    }

    pub(super) fn set_waker(&mut self, waker: Waker) {
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

/// What the connection does while no request is in flight on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The peer has sent nothing yet.
    Silent,
    /// What comes before HTTP has begun, and is not through.
    Opening { what: Opening, began: Instant },
    /// Part of a request's head has come.
    HalfHead { began: Instant },
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
    pub(super) fn is_half(self) -> bool {
        matches!(self, Self::HalfHead { .. } | Self::HalfRecord | Self::Opening { .. })
    }
}

/// What is known of a connection that carries many requests at a time.
#[derive(Debug, Default)]
pub(super) struct MultiplexState {
    /// When the peer was asked to end.
    pub(super) asked: Option<Instant>,
    /// The peer has sent something since, and an answer to the question must have been among it.
    pub(super) heard: bool,
    /// How many requests wait for more of their bodies, which the peer may send.
    pub(super) uploading: usize,
    /// When the peer last sent anything for a request, noted from the stop signal on.
    pub(super) progress: Option<Instant>,
}
