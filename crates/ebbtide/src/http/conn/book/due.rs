use std::time::{Duration, Instant};

use super::Book;
use super::phase::Phase;
use crate::http::order::Order;
use crate::http::settings::Settings;

/// Says why a connection's time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing has been asked for long enough. Bytes that wait unread forbid the close.
    Quiet,
    /// A head was begun and not finished in time.
    HalfHead,
    /// The peer has taken nothing for too long, or never answered.
    Stalled,
    /// The socket takes nothing more; it may be that the peer takes what is in it.
    Blocked,
    /// Nothing; it is time to look again.
    Look,
}

impl Book {
    /// Returns when the connection's time will have come, if it stays as it is; `active` tells when data last came or
    /// went, `draining` when the draining began.
    pub(in crate::http::conn) fn due(
        &mut self,
        order: Order,
        settings: &Settings,
        draining: impl FnOnce() -> Instant,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, Reason)> {
        let drains = order.is_draining();
        if drains && (self.multiplexed || self.blocked) {
            return self.peer_due(settings, draining(), active);
        }
        if !self.requests.is_empty() || self.blocked {
            return None;
        }
        let hurried = |quiet| if order == Order::Refuse { Duration::ZERO } else { quiet };
        let (after, reason) = match self.phase {
            Phase::HalfHead | Phase::HalfRecord => (settings.header_timeout, Reason::HalfHead),
            Phase::Opening { began, .. } => {
                // While it goes on it is finished, within its time; when it stops, it shall not hold the stop.
                let limit = began + settings.handshake_timeout;
                let stalled = self.since.filter(|_| drains).map(|since| since + settings.first_byte_grace);
                return Some((stalled.map_or(limit, |stalled| stalled.min(limit)), Reason::HalfHead));
            }
            Phase::Silent if drains => (hurried(settings.first_byte_grace), Reason::Quiet),
            Phase::Idle if drains => (hurried(settings.idle_quiet), Reason::Quiet),
            _ => return None,
        };
        Some((*self.since.get_or_insert_with(active) + after, reason))
    }

    /// Returns until when a peer is waited for that may have gone, or take nothing, while the server drains.
    fn peer_due(
        &mut self,
        settings: &Settings,
        draining: Instant,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, Reason)> {
        let stall = settings.stall_timeout;
        if self.blocked {
            return Some((draining, Reason::Blocked));
        }
        let asked = self.asked?;
        let due = match (self.heard, self.requests.is_empty()) {
            (false, true) => (asked + settings.idle_quiet, Reason::Quiet),
            (false, false) => (asked.max(draining) + stall, Reason::Stalled),
            // It ends by itself when the peer has taken all; what it has not may be with hyper, and not known here.
            (true, true) => {
                let since = self.since.unwrap_or(draining);
                let active = if self.timed_by_kernel { active() } else { since };
                (since.max(draining).max(active) + stall, Reason::Quiet)
            }
            (true, false) if self.requests.iter().all(|request| request.answering && request.offered) => {
                let latest = self.requests.iter().filter_map(|request| request.latest).max();
                (latest.unwrap_or(draining).max(draining) + stall, Reason::Stalled)
            }
            (true, false) => (draining + stall, Reason::Look),
        };
        Some(due)
    }
}
