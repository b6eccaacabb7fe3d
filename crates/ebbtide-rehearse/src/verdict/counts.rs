//! How many requests ended how.

use std::ops::Add;

use serde::Serialize;

use super::fate::{Fate, Judged};
use super::reason::Column;

/// Requests by their outcome. `sent = answered + refused + connect_timed_out + lost + truncated + timed_out +
/// ended_by_clean_up + foreign`, always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Requests that a client set out to send, those that found no listener included.
    pub sent: u64,
    /// Answered whole, whatever the answer.
    pub answered: u64,
    /// Of these: answered after the signal.
    pub answered_after_signal: u64,
    /// Found no listener; safe to send again.
    pub refused: u64,
    /// Neither accepted nor refused within the limit; safe to send again.
    pub connect_timed_out: u64,
    /// Accepted, and closed with no response byte.
    pub lost: u64,
    /// The response was begun and not finished, or was not HTTP.
    pub truncated: u64,
    /// Accepted, and no whole response within the limit.
    pub timed_out: u64,
    /// Of the answered ones: with a status of 500 or more, or after the signal with a status, length or redirect that the
    /// route did not have before it.
    pub wrong: u64,
    /// Ended by the rehearsal's own clean-up, after the service had ended: they tell nothing.
    pub ended_by_clean_up: u64,
    /// Accepted by another program, on a port that the service had left when it ended: they tell nothing.
    pub foreign: u64,
}

impl Counts {
    /// Counts `requests`.
    pub(super) fn of<'a>(requests: impl IntoIterator<Item = &'a Judged<'a>>) -> Self {
        requests.into_iter().map(Self::one).fold(Self::default(), Add::add)
    }

    fn one(judged: &Judged<'_>) -> Self {
        let mut counts = Self { sent: 1, ..Self::default() };
        let column = match judged.fate {
            Fate::Answered | Fate::Declined | Fate::Unverified => &mut counts.answered,
            Fate::Refused => &mut counts.refused,
            Fate::ConnectTimeout => &mut counts.connect_timed_out,
            Fate::CleanedUp => &mut counts.ended_by_clean_up,
            Fate::Foreign => &mut counts.foreign,
            Fate::Bad(reason) => match reason.column() {
                Column::Lost => &mut counts.lost,
                Column::Truncated => &mut counts.truncated,
                Column::TimedOut => &mut counts.timed_out,
                Column::Wrong => {
                    counts.wrong = 1;
                    &mut counts.answered
                }
            },
        };
        *column = 1;
        if judged.after {
            counts.answered_after_signal = counts.answered;
        }
        counts
    }

    /// Requests whose connection the service accepted.
    pub fn accepted(&self) -> u64 {
        let never = self.refused.saturating_add(self.connect_timed_out).saturating_add(self.foreign);
        self.sent.saturating_sub(never)
    }

    /// Requests that ended badly, whoever is to blame.
    pub fn bad(&self) -> u64 {
        self.lost.saturating_add(self.truncated).saturating_add(self.timed_out).saturating_add(self.wrong)
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
            connect_timed_out: self.connect_timed_out + more.connect_timed_out,
            lost: self.lost + more.lost,
            truncated: self.truncated + more.truncated,
            timed_out: self.timed_out + more.timed_out,
            wrong: self.wrong + more.wrong,
            ended_by_clean_up: self.ended_by_clean_up + more.ended_by_clean_up,
            foreign: self.foreign + more.foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::At;
    use crate::record::{Record, Traffic};
    use crate::verdict::fate::Case;
    use crate::verdict::samples::{any_request, terms};

    proptest! {
        #[test]
        fn sums_add_up_whatever_happened(
            requests in proptest::collection::vec(any_request(), 0..200),
            cut in 0..200_usize,
            signalled in 0..5_000_u64,
        ) {
            let traffic = Traffic { requests, ..Traffic::default() };
            let record = Record { traffic, signalled: At(signalled), ..Record::default() };
            let terms = terms();
            let case = Case::new(&record, &terms);
            let all = Counts::of(&case.requests);
            prop_assert_eq!(all.sent, record.traffic.requests.len() as u64);
            prop_assert_eq!(
                all.sent,
                all.answered + all.refused + all.connect_timed_out + all.lost + all.truncated + all.timed_out
                    + all.ended_by_clean_up + all.foreign
            );
            prop_assert!(all.answered_after_signal <= all.answered && all.wrong <= all.answered);
            prop_assert!(case.lost() <= all.bad());
            let (one, other) = case.requests.split_at(cut.min(case.requests.len()));
            prop_assert_eq!(all, Counts::of(one) + Counts::of(other));
        }
    }
}
