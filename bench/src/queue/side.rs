/// Who works off a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The consumer loop over its adapter.
    Ebbtide,
    /// The adapter's client crate, used as a careful user would: a batch is fetched, so many jobs run side by side in tasks
    /// of their own, and each is acknowledged with an answer awaited.
    ByHand,
    /// The same, for those brokers that take an acknowledgement without an answer: nobody waits for one, so that jobs that
    /// are done may run again after a crash. It is no bar for us, who wait; it shows what that costs.
    Unconfirmed,
    /// The peer, on its own tables.
    Apalis,
}

impl Side {
    /// Returns the name that the table has.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ebbtide => "ebbtide",
            Self::ByHand => "by hand",
            Self::Unconfirmed => "unconfirmed",
            Self::Apalis => "apalis",
        }
    }

    /// Returns the least share of this side's throughput that is good enough for us, if it is one to be measured by.
    pub(super) fn bar(self) -> Option<f64> {
        match self {
            Self::Ebbtide | Self::Unconfirmed => None,
            Self::Apalis => Some(1.0),
            Self::ByHand => Some(0.95),
        }
    }
}
