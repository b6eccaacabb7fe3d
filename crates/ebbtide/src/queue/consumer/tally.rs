use crate::drain::WorkCounts;
use crate::queue::{Settled, Settlement};

/// What became of everything that a consumer took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// How many deliveries it took. Each is counted in exactly one of the fates below, or still held.
    pub taken: u64,
    /// Done, and never delivered again.
    pub acked: u64,
    /// The attempt failed; another one follows.
    pub retried: u64,
    /// Failed for good.
    pub dead_lettered: u64,
    /// No longer ours when they were settled, their lease or their connection having ended: somebody else runs them again. So
    /// says a queue also of what it has from an earlier word whose answer was lost.
    pub lost: u64,
    /// The ids of the jobs that were handed back, in the order in which the broker took them.
    pub requeued_ids: Vec<String>,
    /// The ids of the jobs that were not settled: the broker did not answer in time. They are delivered again when their leases run out.
    pub unsettled: Vec<String>,
    /// How many were ended by us before they had finished: begun and handed back, or not settled.
    pub cancelled: u64,
    /// How many were handed back without having begun.
    unbegun: u64,
    /// How many were cut that have no delivery: what a fetch without an answer may have given out.
    pub(super) unknown: u64,
}

impl Tally {
    /// Returns how many have a fate.
    pub fn settled(&self) -> u64 {
        let named = self.requeued_ids.len() + self.unsettled.len();
        self.acked + self.failed() + self.lost + named as u64
    }

    /// Returns how many attempts failed, and are settled.
    fn failed(&self) -> u64 {
        self.retried + self.dead_lettered
    }

    /// Returns the counts as those of any component (`docs/spec.md`, W1 and W2).
    pub(super) fn counts(&self, held: u64) -> WorkCounts {
        let mut counts = WorkCounts::default();
        counts.begun = self.taken + self.unknown;
        counts.in_flight = held;
        counts.finished = self.acked;
        counts.failed = self.failed();
        counts.requeued = self.unbegun;
        counts.redelivered = self.lost;
        let cancelled = (self.requeued_ids.len() as u64).saturating_sub(self.unbegun);
        counts.cancelled = cancelled + self.unsettled.len() as u64 + self.unknown;
        counts
    }

    /// Counts one more fate. `cuts` says that we ended the job before it had finished.
    pub(super) fn count(&mut self, id: &str, fate: Fate, cuts: bool) {
        match fate {
            Fate::Acked => self.acked += 1,
            Fate::Retried => self.retried += 1,
            Fate::DeadLettered => self.dead_lettered += 1,
            Fate::Lost => self.lost += 1,
            Fate::Requeued => {
                self.requeued_ids.push(id.to_owned());
                self.unbegun += u64::from(!cuts);
            }
            Fate::Unsettled => self.unsettled.push(id.to_owned()),
        }
        self.cancelled += u64::from(cuts || fate == Fate::Unsettled);
    }
}

/// What became of a delivery. Each has exactly one (invariant Q1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Acked,
    Retried,
    DeadLettered,
    Requeued,
    /// No longer ours before it was settled.
    Lost,
    /// The broker was not told, or did not confirm it in time.
    Unsettled,
}

impl Fate {
    pub(super) fn of(settlement: &Settlement, settled: Settled) -> Self {
        match (settled, settlement) {
            (Settled::Lost, _) => Self::Lost,
            (Settled::Done, Settlement::Ack) => Self::Acked,
            (Settled::Done, Settlement::Retry { .. }) => Self::Retried,
            (Settled::Done, Settlement::DeadLetter { .. }) => Self::DeadLettered,
            (Settled::Done, Settlement::Requeue) => Self::Requeued,
        }
    }
}
