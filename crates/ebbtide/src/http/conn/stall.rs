//! Until when a peer is waited for that makes no progress.
//!
//! One that has begun something and does not go on has a limit at any time. The others are given up only while the server drains,
//! each at [`stall_timeout`](crate::http::Server::stall_timeout): one that owes the rest of a body, takes nothing of a response,
//! acknowledges no packet, or leaves the close frame of a WebSocket unanswered. The `idle` module asks for these instants.

use std::time::{Duration, Instant};

use super::idle::{DueReason, Watch};
use super::in_flight::{Farewell, InFlightRequest};
use super::message::Framing;
use super::state::{ConnState, Phase};
use crate::util::clock;

impl ConnState {
    /// Returns until when the rest of a beginning is waited for. While it comes, that is its limit; when nothing more comes, it
    /// does not hold up the draining.
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

    /// Returns when the body of an HTTP/1 request last came on, while its service waits for the rest of it.
    pub(super) fn uploading(&mut self, draining: Instant) -> Option<Instant> {
        let [request] = self.requests.as_mut_slice() else { return None };
        let waits =
            !request.answering && self.phase != Phase::Upgraded && !self.message.is_whole(request.framing);
        waits.then(|| (*request.latest.get_or_insert(draining)).max(draining))
    }

    /// Returns until when a peer is waited for that may have gone, or take nothing, while the server drains.
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
            // A peer need not answer a PING to be there.
            false => (draining, DueReason::Unheard),
            true => (clock::after(draining, stall), DueReason::Look),
        })
    }

    /// Tells whether our close frame has gone unanswered for `stall`, since the draining began. A handler that does not wait for
    /// the answer has finished.
    pub(super) fn is_farewell_unanswered(&self, now: Instant, draining: Instant, stall: Duration) -> bool {
        let unanswered = |request: &InFlightRequest| {
            let latest = request.latest.unwrap_or(draining).max(draining);
            request.farewell == Farewell::Sent && now >= clock::after(latest, stall)
        };
        self.phase == Phase::Upgraded && self.requests.iter().any(unanswered)
    }

    /// Tells whether every request in flight on a multiplexed connection waits for the peer: to send the rest of its body, or
    /// to take what it was given.
    fn all_wait_for_the_peer(&self) -> bool {
        let takes = |request: &InFlightRequest| request.answering && request.offered;
        let sends = |request: &InFlightRequest| !request.answering && request.framing != Framing::Length(0);
        // Which request is which stream is not known here, but that as many wait as are left.
        let sending = self.requests.iter().filter(|request| sends(request)).count();
        let waiting = self.streams.as_ref().map_or(0, |streams| streams.uploading);
        sending <= waiting && self.requests.iter().all(|request| takes(request) || sends(request))
    }

    /// Returns when data last came or went, as `active` tells where the kernel keeps it.
    pub(super) fn active(&self, active: impl FnOnce() -> Instant) -> Instant {
        let known = if self.timed_by_kernel { None } else { self.since };
        known.unwrap_or_else(active)
    }
}

/// A full socket. While nothing of it changes, the peer takes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FullSocket {
    /// How many times it has been full: it may be as full as before.
    times: u64,
    /// How many bytes the peer has not taken.
    left: u64,
}

impl Watch {
    /// Returns until when a full socket is waited for: anew from each time that the peer took something.
    pub(super) fn stuck_until(&mut self, now: Instant) -> Instant {
        let full = FullSocket { times: self.conn.state().blocks(), left: self.conn.socket.untaken() };
        let since = match self.stuck {
            Some((was, since)) if was == full => since,
            _ => now,
        };
        self.stuck = Some((full, since));
        clock::after(since, self.conn.context.stall())
    }
}
