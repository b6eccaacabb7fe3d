/// How urgent a stop is. A level includes the ones below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(in crate::drain) enum Level {
    /// Finish what is held, take nothing new.
    Stopping = 1,
    /// The deadline is exceeded: drop it.
    Cancelled = 2,
}

impl Level {
    /// How many levels there are.
    pub(super) const COUNT: usize = 2;

    /// Where the level stands among them, from zero.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Stopping => 0,
            Self::Cancelled => 1,
        }
    }
}
