//! How long the server waits for a peer that makes no progress.
//!
//! A peer that has begun something and does not complete it has a limit at any time. The other peers are ended only
//! while the server drains, each after [`stall_timeout`](crate::http::Server::stall_timeout): one that owes the rest of
//! a body, reads nothing of a response, acknowledges no packet, or does not answer the close frame of a WebSocket. The
//! `idle` module uses these times.

use std::time::{Duration, Instant};

use super::idle::{DueReason, Watch};
use super::in_flight::{ClosingHandshake, InFlightRequest};
use super::message::Framing;
use super::state::{ConnState, Phase};
use crate::util::clock;

impl ConnState {
    /// Returns how long to wait for the rest of an incomplete head, record or handshake. While bytes arrive, `limit`
    /// applies; when nothing more arrives, it does not delay the draining.
    pub(super) fn beginning_due(
        &self,
        limit: Duration,
        draining: Option<(Instant, Duration)>,
        active: impl FnOnce() -> Instant,
    ) -> Instant {
        let began = match self.phase {
            Phase::HalfHead { began } | Phase::Opening { began, .. } => Some(began),
            _ => self.since,
        };
        let Some((_, stall)) = draining else { return clock::after(began.unwrap_or_else(active), limit) };
        let active = self.active(active);
        let latest = self.since.map_or(active, |since| since.max(active));
        clock::after(began.unwrap_or(latest), limit).min(clock::after(latest, stall))
    }

    /// Returns when bytes of an HTTP/1 request's body last arrived, while its service waits for the rest of it.
    pub(super) fn uploading(&mut self, draining: Instant) -> Option<Instant> {
        let [request] = self.requests.as_mut_slice() else { return None };
        let waits =
            !request.answering && self.phase != Phase::Upgraded && !self.message.is_whole(request.framing);
        waits.then(|| (*request.latest.get_or_insert(draining)).max(draining))
    }

    /// Returns until when to wait, while the server drains, for a peer that may have disconnected or reads nothing.
    pub(super) fn peer_due(&self, draining: Instant, stall: Duration) -> Option<(Instant, DueReason)> {
        if self.blocked {
            return Some((draining, DueReason::Blocked));
        }
        let streams = self.streams.as_ref()?;
        streams.asked?;
        Some(match streams.heard {
            _ if self.all_wait_for_the_peer() => {
                let latest = self.requests.iter().filter_map(|request| request.latest);
                let latest = latest.chain(streams.progress).max();
                (clock::after(latest.unwrap_or(draining).max(draining), stall), DueReason::Stalled)
            }
            // A live peer need not answer a PING.
            false => (draining, DueReason::NothingReceived),
            true => (clock::after(draining, stall), DueReason::Look),
        })
    }

    /// Returns whether the server's close frame has been unanswered for `stall`, since the draining began. A handler
    /// that does not wait for the answer has finished.
    pub(super) fn is_close_unanswered(&self, now: Instant, draining: Instant, stall: Duration) -> bool {
        let unanswered = |request: &InFlightRequest| {
            let latest = request.latest.unwrap_or(draining).max(draining);
            request.closing_handshake == ClosingHandshake::Sent && now >= clock::after(latest, stall)
        };
        self.phase == Phase::Upgraded && self.requests.iter().any(unanswered)
    }

    /// Returns whether every request in flight on a multiplexed connection waits for the peer: to send the rest of its
    /// body, or to read what it was given.
    fn all_wait_for_the_peer(&self) -> bool {
        let takes = |request: &InFlightRequest| request.answering && request.offered;
        let sends = |request: &InFlightRequest| !request.answering && request.framing != Framing::Length(0);
        // It is unknown here which request belongs to which stream, but as many wait as are left.
        let sending = self.requests.iter().filter(|request| sends(request)).count();
        let waiting = self.streams.as_ref().map_or(0, |streams| streams.uploading);
        sending <= waiting && self.requests.iter().all(|request| takes(request) || sends(request))
    }

    /// Returns when data was last received or sent, from `active` if the kernel records it.
    pub(super) fn active(&self, active: impl FnOnce() -> Instant) -> Instant {
        let known = if self.timed_by_kernel { None } else { self.since };
        known.unwrap_or_else(active)
    }
}

/// The state of a full socket. While it does not change, the peer reads nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FullSocket {
    /// How many times it has been full: the same fill level may occur again.
    times: u64,
    /// How many bytes the peer has not acknowledged.
    left: u64,
}

impl Watch {
    /// Returns until when to wait for a full socket: the time restarts whenever the peer has read something.
    pub(super) fn full_socket_due(&mut self, now: Instant) -> Instant {
        let full = FullSocket { times: self.conn.state().blocks(), left: self.conn.socket.untaken() };
        let since = match self.stuck {
            Some((was, since)) if was == full => since,
            _ => now,
        };
        self.stuck = Some((full, since));
        clock::after(since, self.conn.context.stall())
    }
}
