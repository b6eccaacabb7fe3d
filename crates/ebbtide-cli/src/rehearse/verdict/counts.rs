//! How many requests ended how.

use std::ops::Add;

use serde::Serialize;

use crate::clock::At;
use crate::rehearse::record::{Outcome, Request};

/// Requests by outcome. `sent = answered + refused + lost + truncated + timed_out`, always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// Requests that a client set out to send, those that found no listener included.
    pub(crate) sent: u64,
    /// Answered whole, whatever the status.
    pub(crate) answered: u64,
    /// Of these: answered after the signal.
    pub(crate) answered_after_signal: u64,
    /// Found no listener; safe to send again.
    pub(crate) refused: u64,
    /// Accepted, and closed with no response byte.
    pub(crate) lost: u64,
    /// The answer was begun and not finished.
    pub(crate) truncated: u64,
    /// No whole answer, or no handshake, within the limit.
    pub(crate) timed_out: u64,
    /// Of the answered ones: with a status of 500 or more.
    pub(crate) bad_status: u64,
}

impl Counts {
    /// Counts `requests`.
    pub(crate) fn of<'a>(requests: impl IntoIterator<Item = &'a Request>, signalled: At) -> Self {
        requests.into_iter().map(|request| Self::one(request, signalled)).fold(Self::default(), Add::add)
    }

    fn one(request: &Request, signalled: At) -> Self {
        let mut counts = Self { sent: 1, ..Self::default() };
        match request.outcome {
            Outcome::Answered { status } => {
                counts.answered = 1;
                counts.answered_after_signal = u64::from(request.ended >= signalled);
                counts.bad_status = u64::from(status >= 500);
            }
            Outcome::Refused => counts.refused = 1,
            Outcome::ClosedBeforeSend { .. } | Outcome::Unanswered { .. } => counts.lost = 1,
            Outcome::CutInHead { .. } | Outcome::CutInBody { .. } => counts.truncated = 1,
            Outcome::ConnectTimeout | Outcome::TimedOut => counts.timed_out = 1,
        }
        counts
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            sent: self.sent + more.sent,
            answered: self.answered + more.answered,
            answered_after_signal: self.answered_after_signal + more.answered_after_signal,
            refused: self.refused + more.refused,
            lost: self.lost + more.lost,
            truncated: self.truncated + more.truncated,
            timed_out: self.timed_out + more.timed_out,
            bad_status: self.bad_status + more.bad_status,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rehearse::verdict::samples::any_request;

    proptest! {
        #[test]
        fn sums_add_up_whatever_happened(
            requests in proptest::collection::vec(any_request(), 0..200),
            cut in 0..200_usize,
            signalled in 0..5_000_u64,
        ) {
            let signalled = At(signalled);
            let all = Counts::of(&requests, signalled);
            prop_assert_eq!(all.sent, requests.len() as u64);
            prop_assert_eq!(
                all.sent,
                all.answered + all.refused + all.lost + all.truncated + all.timed_out
            );
            prop_assert!(all.answered_after_signal <= all.answered && all.bad_status <= all.answered);
            let (one, other) = requests.split_at(cut.min(requests.len()));
            prop_assert_eq!(all, Counts::of(one, signalled) + Counts::of(other, signalled));
        }
    }
}
