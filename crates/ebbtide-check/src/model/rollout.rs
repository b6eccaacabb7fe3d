use std::time::Duration;

use super::Declared;
use crate::input::Place;

/// How a platform replaces the instances of a workload.
#[derive(Clone, Debug)]
pub(crate) enum Rollout {
    /// New instances start while old ones stop.
    Rolling { surge: Declared<Amount>, unavailable: Declared<Amount> },
    /// Every old instance stops before the first new one starts.
    Recreate(Place),
    /// Each old instance stops before its new one starts: Swarm. The place is nothing for the default.
    StopFirst(Option<Place>),
    /// Every new instance starts before traffic is switched; the old ones stop after a delay: Argo Rollouts.
    BlueGreen { scale_down: Declared<Duration> },
    /// One after the other, in a fixed order: a StatefulSet.
    Ordered,
    /// Only when an operator deletes an instance, or another that this check does not know.
    Other,
}

/// A number of instances or a share of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Count(u32),
    Percent(u32),
}

impl Amount {
    /// Returns whether it is no instance at all.
    pub(crate) fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0))
    }

    /// Returns the number of instances out of `of`, a share rounded up.
    pub(crate) fn ceil(self, of: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => part(u64::from(of).saturating_mul(percent.into()).div_ceil(100)),
        }
    }

    /// Returns the number of instances out of `of`, a share rounded down.
    pub(crate) fn floor(self, of: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => part(u64::from(of).saturating_mul(percent.into()) / 100),
        }
    }
}

fn part(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
