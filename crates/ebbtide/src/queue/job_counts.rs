/// How many jobs of one queue are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobCounts {
    /// Those that nobody has, also those whose time has not come.
    pub waiting: u64,
    /// Those that a consumer has.
    pub leased: u64,
    /// Those that have failed for good.
    pub buried: u64,
}

impl JobCounts {
    /// Makes counts, as an adapter does.
    pub const fn new(waiting: u64, leased: u64, buried: u64) -> Self {
        Self { waiting, leased, buried }
    }
}
