/// Who works off a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The consumer loop over its adapter.
    Ebbtide,
    /// The adapter's client crate, used as a careful user would: a batch is fetched, so many jobs run side by side in tasks
    /// of their own, and each is acknowledged with an answer awaited.
    ByHand,
    /// The peer, on its own tables.
    Apalis,
}

impl Side {
    /// Returns the name that the table has.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::ByHand => "by hand",
            Self::Apalis => "apalis",
        }
    }

    /// Returns the least share of this side's throughput that is good enough for us.
    pub(super) fn bar(self) -> f64 {
        match self {
            Self::Ebbtide | Self::Apalis => 1.0,
            Self::ByHand => 0.95,
        }
    }
}
