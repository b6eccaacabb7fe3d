use std::time::{Duration, Instant};

use super::Book;
use super::phase::Phase;
use super::request::{Current, Farewell};
use crate::http::conn::message::Framing;
use crate::http::order::Order;
use crate::http::settings::Settings;
use crate::runtime::clock;

/// Says why a connection's time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing has been asked for long enough. Bytes that wait unread forbid the close.
    Quiet,
    /// A beginning of a request was not finished in time.
    HalfHead,
    /// The peer has made no progress for too long: everything in flight waits for it.
    Stalled,
    /// The socket takes nothing more; it may be that the peer takes what is in it.
    Blocked,
    /// The peer has sent nothing; it may be that it is gone, and acknowledges nothing.
    Unheard,
    /// Nothing; it is time to look again.
    Look,
}

/// What decides when a connection's time has come, beside what its book knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(in crate::http::conn) order: Order,
    pub(in crate::http::conn) settings: &'a Settings,
    /// When the draining began, and how long a peer may make no progress from then on.
    pub(in crate::http::conn) draining: Option<(Instant, Duration)>,
    /// During the lame duck: when the signal came, and from when on a connection that is idle may be closed.
    pub(in crate::http::conn) leaving: Option<(Instant, Instant)>,
    /// The parser waits for bytes.
    pub(in crate::http::conn) reads: bool,
}

impl Book {
    /// Returns when the connection's time will have come, if it stays as it is; `active` tells when data last came or
    /// went.
    pub(in crate::http::conn) fn due(
        &mut self,
        terms: Terms<'_>,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, Reason)> {
        let Terms { order, settings, draining, leaving, reads } = terms;
        if let Some((began, stall)) = draining
            && (self.is_multiplexed() || self.blocked)
        {
            return self.peer_due(settings, began, stall, active);
        }
        if let Some((began, stall)) = draining
            && reads
            && let Some(latest) = self.uploading(began)
        {
            return Some((clock::after(latest.max(self.active(active)), stall), Reason::Stalled));
        }
        if !self.requests.is_empty() || self.blocked {
            return None;
        }
        let hurried = |quiet| if order == Order::Refuse { Duration::ZERO } else { quiet };
        let (after, reason) = match self.phase {
            Phase::HalfHead { .. } | Phase::HalfRecord => {
                return Some((
                    self.beginning_due(settings.header_timeout, draining, active),
                    Reason::HalfHead,
                ));
            }
            Phase::Opening { .. } => {
                let draining = draining.map(|(began, stall)| (began, stall.min(settings.first_byte_grace)));
                return Some((
                    self.beginning_due(settings.handshake_timeout, draining, active),
                    Reason::HalfHead,
                ));
            }
            Phase::Silent | Phase::Idle if !self.is_multiplexed() && leaving.is_some() => {
                return self.leaving_due(settings, leaving?, active);
            }
            Phase::Silent if draining.is_some() => (hurried(settings.first_byte_grace), Reason::Quiet),
            Phase::Idle if draining.is_some() => (hurried(settings.idle_quiet), Reason::Quiet),
            _ => return None,
        };
        Some((clock::after(*self.since.get_or_insert_with(active), after), reason))
    }

    /// Tells whether our close frame has gone unanswered for `stall`, since the draining began. A handler that does not wait for
    /// the answer has finished.
    pub(in crate::http::conn) fn is_farewell_unanswered(
        &self,
        now: Instant,
        draining: Instant,
        stall: Duration,
    ) -> bool {
        let unanswered = |request: &Current| {
            let latest = request.latest.unwrap_or(draining).max(draining);
            request.farewell == Farewell::Sent && now >= clock::after(latest, stall)
        };
        self.phase == Phase::Upgraded && self.requests.iter().any(unanswered)
    }

    /// Returns when an idle connection is closed during the lame duck: not before its own instant, and not before it has been
    /// quiet. One that has asked nothing yet is closed only if it came before the signal.
    fn leaving_due(
        &mut self,
        settings: &Settings,
        (signal, from): (Instant, Instant),
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, Reason)> {
        let since = *self.since.get_or_insert_with(active);
        let quiet = match self.phase {
            Phase::Silent if since > signal => return None,
            Phase::Silent => settings.first_byte_grace,
            _ => settings.idle_quiet,
        };
        Some((clock::after(since, quiet).max(from), Reason::Quiet))
    }

    /// Returns until when the rest of a beginning is waited for. While it comes, that is its limit; when nothing more comes, it
    /// does not hold up the draining.
    fn beginning_due(
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
    fn uploading(&mut self, draining: Instant) -> Option<Instant> {
        let [request] = self.requests.as_mut_slice() else { return None };
        let waits =
            !request.answering && self.phase != Phase::Upgraded && !self.message.is_whole(request.framing);
        waits.then(|| (*request.latest.get_or_insert(draining)).max(draining))
    }

    /// Returns until when a peer is waited for that may have gone, or take nothing, while the server drains.
    fn peer_due(
        &mut self,
        settings: &Settings,
        draining: Instant,
        stall: Duration,
        active: impl FnOnce() -> Instant,
    ) -> Option<(Instant, Reason)> {
        if self.blocked {
            return Some((draining, Reason::Blocked));
        }
        let streams = self.streams.as_ref()?;
        let (asked, heard) = (streams.asked?, streams.heard);
        Some(match (heard, self.requests.is_empty()) {
            (false, true) => {
                let since = self.since.map_or(asked, |since| since.max(asked));
                (clock::after(since, settings.idle_quiet), Reason::Quiet)
            }
            // It ends by itself when the peer has taken all; what it has not may be with hyper, and not known here.
            (true, true) => {
                let since = self.since.unwrap_or(draining);
                let active = if self.timed_by_kernel { active() } else { since };
                (clock::after(since.max(draining).max(active), stall), Reason::Quiet)
            }
            (_, false) if self.all_wait_for_the_peer() => {
                let latest = self.requests.iter().filter_map(|request| request.latest);
                let latest = latest.chain(streams.progress).max();
                (clock::after(latest.unwrap_or(draining).max(draining), stall), Reason::Stalled)
            }
            // A peer need not answer a PING to be there.
            (false, false) => (draining, Reason::Unheard),
            (true, false) => (clock::after(draining, stall), Reason::Look),
        })
    }

    /// Tells whether every request in flight on a multiplexed connection waits for the peer: to send the rest of its body, or
    /// to take what it was given.
    fn all_wait_for_the_peer(&self) -> bool {
        let takes = |request: &Current| request.answering && request.offered;
        let sends = |request: &Current| !request.answering && request.framing != Framing::Length(0);
        // Which request is which stream is not known here, but that as many wait as are left.
        let sending = self.requests.iter().filter(|request| sends(request)).count();
        let waiting = self.streams.as_ref().map_or(0, |streams| streams.uploading);
        sending <= waiting && self.requests.iter().all(|request| takes(request) || sends(request))
    }

    fn active(&self, active: impl FnOnce() -> Instant) -> Instant {
        let known = if self.timed_by_kernel { None } else { self.since };
        known.unwrap_or_else(active)
    }
}
