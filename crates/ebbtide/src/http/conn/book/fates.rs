//! What became of the requests of a connection. Each has one fate (`docs/spec.md`, W1).

use std::time::Instant;

use super::Book;
use super::phase::Phase;
use super::request::{Begun, Ended};
use crate::drain::WorkCounts;
use crate::http::Address;
use crate::http::order::Order;
use crate::model::Straggler;

/// Counts fates. An idle connection has it too, so that what is rare has few bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fates {
    finished: u64,
    ended_early: u32,
    cut: u32,
    failed: u32,
    abandoned: u32,
    /// Beginnings that never became a request, and were cut or abandoned.
    halves: u32,
}

/// Who ended everything that was in flight on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// This server, at its deadline.
    Deadline,
    /// The peer, which has stalled or disconnected.
    Peer,
}

impl Book {
    /// Notes that a request has failed. It stays in flight until its response has left or was given up.
    pub(crate) fn fail(&mut self, begun: Begun) {
        if let Some(request) = self.current(begun) {
            request.failed = true;
        }
    }

    /// Ends a request. Tells whether part of the next head has come.
    #[inline]
    pub(in crate::http::conn) fn end(
        &mut self,
        begun: Begun,
        outcome: Ended,
        order: Order,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        let Some(at) = self.requests.iter().position(|request| request.id == begun.0) else {
            return false; // it was cut, and counted as that
        };
        let (framing, failed) = (self.requests[at].framing, self.requests[at].failed);
        // The latest one, as nearly always, is dropped where it is.
        if at + 1 == self.requests.len() {
            self.requests.truncate(at);
        } else {
            self.requests.swap_remove(at);
        }
        self.fates.count(outcome, failed);
        self.broken |= !self.is_multiplexed() && matches!(outcome, Ended::Broken | Ended::BrokenOff);
        if !self.requests.is_empty() {
            return false;
        }
        // Of a multiplexed connection the message has the preface alone, and frames behind it, which begin no head.
        let next_began = !self.is_multiplexed() && self.message.ended(framing);
        // Another task has still to send the end of a stream's response: the kernel knows nothing of it yet.
        let unsent = self.is_multiplexed() && order.is_draining();
        self.since = (next_began || unsent || !self.timed_by_kernel).then(now);
        self.phase = match self.since {
            Some(began) if next_began => Phase::HalfHead { began },
            _ => Phase::Idle,
        };
        next_began
    }

    /// Ends a request that will not be finished, as cut; returns what to call it. Nothing, if it was ended before.
    pub(in crate::http::conn) fn give_up(
        &mut self,
        begun: Begun,
        order: Order,
        peer: &Address,
        now: Instant,
    ) -> Option<Straggler> {
        let upgraded = self.is_upgraded();
        let straggler = self.current(begun)?.straggler(peer, upgraded, now, now);
        self.end(begun, Ended::Cut, order, || now);
        Some(straggler)
    }

    /// Ends what is in flight; returns it.
    pub(in crate::http::conn) fn end_all(
        &mut self,
        by: EndedBy,
        peer: &Address,
        active: Instant,
        now: Instant,
    ) -> Vec<Straggler> {
        let ended = self.stragglers(peer, active, now);
        self.broken |= self.must_reset() || self.blocked;
        self.leave_lone();
        let count = u32::try_from(ended.len()).unwrap_or(u32::MAX);
        match by {
            EndedBy::Deadline => self.fates.cut += count,
            EndedBy::Peer => self.fates.abandoned += count,
        }
        self.requests.clear();
        ended
    }

    /// Returns the counts for good, when the socket is dropped. What is in flight still ends with it.
    pub(in crate::http::conn) fn close(&mut self) -> WorkCounts {
        for request in self.requests.drain(..) {
            let outcome = if self.phase == Phase::Upgraded { Ended::Whole } else { Ended::Broken };
            self.fates.count(outcome, request.failed);
        }
        self.fates.abandoned += u32::from(self.has_lone());
        self.leave_lone();
        self.counts()
    }

    /// Returns the counts now.
    pub(crate) fn counts(&self) -> WorkCounts {
        let Fates { finished, ended_early, cut, failed, abandoned, halves } = self.fates;
        let mut counts = WorkCounts::default();
        counts.finished = finished - u64::from(self.is_flushing());
        counts.ended_early = ended_early.into();
        counts.cut = cut.into();
        counts.failed = failed.into();
        counts.abandoned = abandoned.into();
        counts.in_flight = self.requests.len() as u64 + u64::from(self.has_lone());
        let half = self.has_lone() && !self.is_flushing();
        counts.begun = self.begun + u64::from(halves) + u64::from(half);
        counts
    }

    /// Tells whether something is in flight that is no request any more, or not yet: the rest of a response, half a head.
    fn has_lone(&self) -> bool {
        self.requests.is_empty() && (self.blocked || self.phase.is_half())
    }

    /// Tells whether the last response has left the service, and not yet our buffer.
    fn is_flushing(&self) -> bool {
        self.requests.is_empty() && self.blocked && self.fates.finished > 0
    }

    /// Takes what is in flight without being a request out of what has finished, if it was there, and out of the connection.
    fn leave_lone(&mut self) {
        let flushing = self.is_flushing();
        self.fates.halves += u32::from(self.has_lone() && !flushing);
        self.fates.finished -= u64::from(flushing);
        self.blocked = false;
        if self.phase.is_half() {
            self.phase = Phase::Idle;
        }
    }
}

impl Fates {
    fn count(&mut self, outcome: Ended, failed: bool) {
        match outcome {
            Ended::Cut => self.cut += 1,
            _ if failed => self.failed += 1,
            Ended::Whole => self.finished += 1,
            Ended::Early | Ended::BrokenOff => self.ended_early += 1,
            Ended::Unanswered | Ended::Broken => self.abandoned += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::Empty;

    use super::*;
    use crate::runtime::clock;

    const HALF: &[u8] = b"GET / HT";

    fn adds_up(book: &Book) -> WorkCounts {
        let counts = book.counts();
        assert_eq!(counts.unaccounted(), 0, "{book:?}");
        counts
    }

    /// W1: in every order of what can happen on a connection, each beginning has one fate.
    #[test]
    fn counts_add_up_at_every_step() {
        let outcomes =
            [Ended::Whole, Ended::Early, Ended::BrokenOff, Ended::Unanswered, Ended::Broken, Ended::Cut];
        let (now, peer) = (clock::now(), Address::Unix(None));
        for seed in 0..2_000_u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut pick = move |from: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % from
            };
            let mut book = Book::new(now, false);
            if seed % 3 == 0 {
                book.multiplex(now);
            }
            let mut open = Vec::new();
            for _ in 0..pick(40) {
                match pick(8) {
                    0..=1 if book.is_multiplexed() || open.is_empty() => {
                        open.push(book.begin(&Request::new(Empty::<bytes::Bytes>::new())));
                    }
                    2..=3 if !open.is_empty() => {
                        let begun = open.swap_remove(pick(open.len() as u64) as usize);
                        book.end(begun, outcomes[pick(outcomes.len() as u64) as usize], Order::Serve, || now);
                    }
                    4 => drop(book.read(HALF, || now)),
                    5 => book.set_blocked(pick(2) == 0, now),
                    6 if !open.is_empty() => book.fail(open[0]),
                    7 if pick(4) == 0 => {
                        let by = if pick(2) == 0 { EndedBy::Deadline } else { EndedBy::Peer };
                        let before = adds_up(&book).in_flight;
                        assert_eq!(book.end_all(by, &peer, now, now).len() as u64, before);
                    }
                    _ => {}
                }
                adds_up(&book);
            }
            let last = book.close();
            assert_eq!((last.unaccounted(), last.in_flight), (0, 0), "{book:?}");
        }
    }

    #[test]
    fn a_request_that_failed_has_failed_whatever_its_client_got() {
        let now = clock::now();
        for (outcome, expected) in
            [(Ended::Whole, (0, 1, 0)), (Ended::Unanswered, (0, 1, 0)), (Ended::Cut, (0, 0, 1))]
        {
            let mut book = Book::new(now, false);
            let begun = book.begin(&Request::new(Empty::<bytes::Bytes>::new()));
            book.fail(begun);
            book.end(begun, outcome, Order::Serve, || now);
            let counts = adds_up(&book);
            assert_eq!((counts.finished, counts.failed, counts.cut), expected, "{outcome:?}");
        }
    }
}
