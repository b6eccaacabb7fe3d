use crate::queue::{Settled, Settlement};

/// What became of a delivery. Each has exactly one (invariant Q1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Acked,
    Retried,
    Buried,
    HandedBack,
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
            (Settled::Done, Settlement::Bury { .. }) => Self::Buried,
            (Settled::Done, Settlement::HandBack) => Self::HandedBack,
        }
    }
}
