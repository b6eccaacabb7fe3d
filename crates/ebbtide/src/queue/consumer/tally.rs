use crate::drain::WorkCounts;
use crate::queue::{Settled, Settlement};

/// The outcomes of all deliveries that a consumer took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// The number of deliveries taken. Each is counted in exactly one of the outcomes below, or still held.
    pub taken: u64,
    /// Acknowledged, and never delivered again.
    pub acked: u64,
    /// The attempt failed; the job is retried.
    pub retried: u64,
    /// Failed permanently and dead-lettered.
    pub dead_lettered: u64,
    /// Lost before they were settled, because their lease or connection ended; they run again. A queue also reports this for
    /// a repeated settlement whose first response was lost.
    pub lost: u64,
    /// The ids of the requeued jobs, in the order in which the broker confirmed them.
    pub requeued_ids: Vec<String>,
    /// The ids of the jobs that were not settled because the broker did not respond in time. They are redelivered when their
    /// leases expire.
    pub unsettled: Vec<String>,
    /// The number of jobs cancelled before they finished: started and requeued, or not settled.
    pub cancelled: u64,
    /// The number of jobs requeued without having been started.
    unbegun: u64,
    /// The number of cancellations without a delivery: jobs that a fetch without a response may have leased.
    pub(super) unknown: u64,
}

impl Tally {
    /// Returns the number of deliveries with an outcome.
    pub fn settled(&self) -> u64 {
        let named = self.requeued_ids.len() + self.unsettled.len();
        self.acked + self.failed() + self.lost + named as u64
    }

    /// Returns the number of failed attempts that are settled.
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

    /// Counts one outcome. `cuts` says that the consumer ended the job before it finished.
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

/// The outcome of a delivery. Each has exactly one (invariant Q1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Acked,
    Retried,
    DeadLettered,
    Requeued,
    /// Lost before it was settled.
    Lost,
    /// The broker was not reached, or did not confirm the settlement in time.
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
