//! Whether the shutdown caused failures, by how often they happened before the signal.

use super::fate::Reason;

/// Whether the shutdown caused a failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Blame {
    /// It happened before the signal as often.
    Usual,
    /// It happened before the signal as well, somewhat less often.
    Unclear,
    /// It never happened before the signal, or clearly more often after it.
    Shutdown,
}

impl Reason {
    /// Whether only a new connection can fail for this reason (`true`), or only a kept one. `None`: either.
    pub(super) fn connection(self) -> Option<bool> {
        match self {
            Self::LateClient | Self::ClosedBeforeSend | Self::NewReset | Self::NewClosed => Some(true),
            Self::Kept | Self::Pipelined => Some(false),
            _ => None,
        }
    }

    /// What a failure for this reason proves at most.
    pub(super) fn most_blame(self) -> Blame {
        if self == Self::LateClient { Blame::Unclear } else { Blame::Shutdown }
    }
}

/// Compares the failure rate before the signal with the one after it.
pub(super) fn blame(before: (u64, u64), after: (u64, u64)) -> Blame {
    if before.0 == 0 {
        return Blame::Shutdown;
    }
    compared(before.0 as f64 / before.1.max(1) as f64 * after.1 as f64, after.0 as f64)
}

/// Compares a number of failures with the one that is expected. By chance alone, a count that is expected to be e varies by its square
/// root.
pub(super) fn compared(expected: f64, count: f64) -> Blame {
    let spread = expected.sqrt();
    if count <= expected + 3.0 * spread + 1.0 {
        Blame::Usual
    } else if count <= expected + 5.0 * spread + 2.0 {
        Blame::Unclear
    } else {
        Blame::Shutdown
    }
}

/// Returns whether the exit caused `count` failures, which are all that ended together with the process. Each of them is as likely as any to
/// be a usual one.
pub(super) fn blame_at_exit(before: (u64, u64), count: usize) -> Blame {
    /// From this chance on that all of them are usual, the exit caused them.
    const UNLIKELY: f64 = 0.001;
    let share = before.0 as f64 / before.1.max(1) as f64;
    let chance = share.powi(i32::try_from(count).unwrap_or(i32::MAX));
    if chance < UNLIKELY { Blame::Shutdown } else { Blame::Unclear }
}
