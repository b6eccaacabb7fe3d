/// What the broker of a queue lets the suite see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    /// Whether it counts what is leased apart from what waits.
    pub(crate) leases: bool,
    /// Whether it can tell a delivery that was handed back from an attempt that failed.
    pub(crate) hand_backs: bool,
}

impl Telling {
    pub(crate) const EVERYTHING: Self = Self { leases: true, hand_backs: true };

    /// From the one that is easiest to see through to the one that is hardest.
    pub(crate) const ALL: [Self; 3] = [
        Self::EVERYTHING,
        Self { leases: false, hand_backs: true },
        Self { leases: false, hand_backs: false },
    ];
}
