//! The outcomes of the requests of a connection. Each has exactly one (`docs/spec.md`, W1).

use std::time::Instant;

use super::in_flight::{Outcome, RequestId};
use super::message::Framing;
use super::state::{ConnState, Parking, Phase};
use crate::drain::WorkCounts;
use crate::http::Address;
use crate::http::registry::Order;
use crate::model::Straggler;

/// Counts outcomes. Idle connections hold it too, so that rare outcomes have narrow counters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestOutcomes {
    finished: u64,
    ended_early: u32,
    cancelled: u32,
    failed: u32,
    abandoned: u32,
    /// Incomplete heads and the like that never became a request, and were cancelled or abandoned.
    halves: u32,
}

/// What ended everything that was in flight on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// This server, at its deadline.
    Deadline,
    /// The peer, which has stalled or disconnected.
    Peer,
}

impl ConnState {
    /// Records that a request has failed. It stays in flight until its response was sent or abandoned.
    pub(crate) fn fail(&mut self, id: RequestId) {
        if let Some(request) = self.current(id) {
            request.failed = true;
        }
    }

    /// Ends a request. Returns whether part of the next head has arrived.
    #[inline]
    pub(super) fn end(
        &mut self,
        id: RequestId,
        outcome: Outcome,
        order: Order,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        let Some(at) = self.requests.iter().position(|request| request.id == id.0) else {
            return false; // it was cancelled, and counted as that
        };
        let (framing, failed) = (self.requests[at].framing, self.requests[at].failed);
        // The latest request, as nearly always, is dropped in place.
        if at + 1 == self.requests.len() {
            self.requests.truncate(at);
        } else {
            self.requests.swap_remove(at);
        }
        self.fates.count(outcome, failed);
        self.broken |=
            !self.is_multiplexed() && matches!(outcome, Outcome::Broken | Outcome::AbortedByPolicy);
        if !self.requests.is_empty() {
            return false;
        }
        // On a multiplexed connection the message consists of the preface, and of frames after it, which begin no head.
        let alone = framing == Framing::Length(0) && self.message.is_alone(framing) && !self.is_multiplexed();
        self.parking = if alone { Parking::Possible } else { Parking::No };
        let next_began = !self.is_multiplexed() && self.message.ended(framing);
        // Another task must still send the end of a stream's response: the kernel has not seen it yet.
        let unsent = self.is_multiplexed() && order.is_draining();
        self.since = (next_began || unsent || !self.timed_by_kernel).then(now);
        self.phase = match self.since {
            Some(began) if next_began => Phase::HalfHead { began },
            _ => Phase::Idle,
        };
        next_began
    }

    /// Ends a request that will not finish, as cancelled; returns its description. `None` if it has ended before.
    pub(super) fn give_up(
        &mut self,
        id: RequestId,
        order: Order,
        peer: &Address,
        now: Instant,
    ) -> Option<Straggler> {
        let upgraded = self.is_upgraded();
        let straggler = self.current(id)?.straggler(peer, upgraded, now, now);
        self.end(id, Outcome::Cancelled, order, || now);
        Some(straggler)
    }

    /// Ends what is in flight and returns it.
    pub(super) fn end_all(
        &mut self,
        by: EndedBy,
        peer: &Address,
        active: Instant,
        now: Instant,
    ) -> Vec<Straggler> {
        let ended = self.stragglers(peer, active, now);
        self.broken |= self.must_reset() || self.blocked;
        self.remove_non_request_work();
        let count = u32::try_from(ended.len()).unwrap_or(u32::MAX);
        match by {
            EndedBy::Deadline => self.fates.cancelled += count,
            EndedBy::Peer => self.fates.abandoned += count,
        }
        self.requests.clear();
        ended
    }

    /// Returns the final counts, when the socket is dropped. What is in flight ends with it.
    pub(super) fn close(&mut self) -> WorkCounts {
        for request in self.requests.drain(..) {
            let outcome = if self.phase == Phase::Upgraded { Outcome::Whole } else { Outcome::Broken };
            self.fates.count(outcome, request.failed);
        }
        self.fates.abandoned += u32::from(self.has_non_request_work());
        self.remove_non_request_work();
        self.counts()
    }

    /// Returns the current counts.
    pub(crate) fn counts(&self) -> WorkCounts {
        let RequestOutcomes { finished, ended_early, cancelled, failed, abandoned, halves } = self.fates;
        let mut counts = WorkCounts::default();
        counts.finished = finished - u64::from(self.is_flushing());
        counts.ended_early = ended_early.into();
        counts.cancelled = cancelled.into();
        counts.failed = failed.into();
        counts.abandoned = abandoned.into();
        counts.in_flight = self.requests.len() as u64 + u64::from(self.has_non_request_work());
        let half = self.has_non_request_work() && !self.is_flushing();
        counts.begun = self.begun + u64::from(halves) + u64::from(half);
        counts
    }

    /// Returns whether something is in flight that is no longer or not yet a request: the rest of a response, or an
    /// incomplete head.
    fn has_non_request_work(&self) -> bool {
        self.requests.is_empty() && (self.blocked || self.phase.is_half())
    }

    /// Returns whether the last response has left the service but not yet the server's buffer.
    fn is_flushing(&self) -> bool {
        self.requests.is_empty() && self.blocked && self.fates.finished > 0
    }

    /// Removes what is in flight without being a request from the connection, and from the finished count if it was in
    /// it.
    fn remove_non_request_work(&mut self) {
        let flushing = self.is_flushing();
        self.fates.halves += u32::from(self.has_non_request_work() && !flushing);
        self.fates.finished -= u64::from(flushing);
        self.blocked = false;
        if self.phase.is_half() {
            self.phase = Phase::Idle;
        }
    }
}

impl RequestOutcomes {
    fn count(&mut self, outcome: Outcome, failed: bool) {
        match outcome {
            Outcome::Cancelled => self.cancelled += 1,
            _ if failed => self.failed += 1,
            Outcome::Whole => self.finished += 1,
            Outcome::Early | Outcome::AbortedByPolicy => self.ended_early += 1,
            Outcome::Unanswered | Outcome::Broken => self.abandoned += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::Empty;

    use super::*;
    use crate::util::clock;

    const HALF: &[u8] = b"GET / HT";

    fn adds_up(state: &ConnState) -> WorkCounts {
        let counts = state.counts();
        assert_eq!(counts.unaccounted(), 0, "{state:?}");
        counts
    }

    /// W1: in every order of events on a connection, each beginning has one outcome.
    #[test]
    fn the_fate_counts_add_up_at_every_step() {
        let outcomes = [
            Outcome::Whole,
            Outcome::Early,
            Outcome::AbortedByPolicy,
            Outcome::Unanswered,
            Outcome::Broken,
            Outcome::Cancelled,
        ];
        let (now, peer) = (clock::now(), Address::Unix(None));
        for seed in 0..2_000_u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut pick = move |from: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % from
            };
            let mut state = ConnState::new(now, false);
            if seed % 3 == 0 {
                state.multiplex(now);
            }
            let mut open = Vec::new();
            for _ in 0..pick(40) {
                match pick(8) {
                    0..=1 if state.is_multiplexed() || open.is_empty() => {
                        open.push(state.begin(&Request::new(Empty::<bytes::Bytes>::new())));
                    }
                    2..=3 if !open.is_empty() => {
                        let id = open.swap_remove(pick(open.len() as u64) as usize);
                        state.end(id, outcomes[pick(outcomes.len() as u64) as usize], Order::Serve, || now);
                    }
                    4 => drop(state.read(HALF, || now)),
                    5 => state.set_blocked(pick(2) == 0, now),
                    6 if !open.is_empty() => state.fail(open[0]),
                    7 if pick(4) == 0 => {
                        let by = if pick(2) == 0 { EndedBy::Deadline } else { EndedBy::Peer };
                        let before = adds_up(&state).in_flight;
                        assert_eq!(state.end_all(by, &peer, now, now).len() as u64, before);
                    }
                    _ => {}
                }
                adds_up(&state);
            }
            let last = state.close();
            assert_eq!((last.unaccounted(), last.in_flight), (0, 0), "{state:?}");
        }
    }

    #[test]
    fn a_failed_request_counts_as_failed_whatever_its_client_received() {
        let now = clock::now();
        for (outcome, expected) in
            [(Outcome::Whole, (0, 1, 0)), (Outcome::Unanswered, (0, 1, 0)), (Outcome::Cancelled, (0, 0, 1))]
        {
            let mut state = ConnState::new(now, false);
            let id = state.begin(&Request::new(Empty::<bytes::Bytes>::new()));
            state.fail(id);
            state.end(id, outcome, Order::Serve, || now);
            let counts = adds_up(&state);
            assert_eq!((counts.finished, counts.failed, counts.cancelled), expected, "{outcome:?}");
        }
    }
}
