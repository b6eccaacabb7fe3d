use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Names how far a lifecycle has come. It only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// The start-up closure is running.
    Starting,
    /// Start-up is over and no stop has begun.
    Ready,
    /// A stop has begun: not ready, but everything that comes is still served.
    LameDuck,
    /// Servers close and finish what they hold; then the workers do.
    Draining,
    /// Resources are closed, one at a time.
    Closing,
    /// Logs and traces are flushed.
    Flushing,
    /// Nothing runs any more.
    Exited,
}

/// Records when a phase began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PhaseChange {
    /// The phase that began.
    pub phase: Phase,
    /// When, since the lifecycle began.
    #[serde(rename = "at_ms", with = "super::millis")]
    pub at: Duration,
}

impl Phase {
    /// Every phase, in the order in which they follow each other.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Ready,
        Self::LameDuck,
        Self::Draining,
        Self::Closing,
        Self::Flushing,
        Self::Exited,
    ];

    /// Returns the phase's name as it stands in logs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::LameDuck => "lame_duck",
            Self::Draining => "draining",
            Self::Closing => "closing",
            Self::Flushing => "flushing",
            Self::Exited => "exited",
        }
    }

    /// Tells whether a stop is under way or over.
    pub fn is_stopping(self) -> bool {
        self >= Self::LameDuck
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
