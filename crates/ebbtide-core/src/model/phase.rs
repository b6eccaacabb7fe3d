use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A phase of the lifecycle. Phases only move forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// The start-up closure is running.
    Starting,
    /// Start-up has finished and no shutdown has begun.
    Ready,
    /// The shutdown has begun: the service is not ready, but serves every request that reaches it.
    LameDuck,
    /// Servers close and finish what is in flight; then the workers do.
    Draining,
    /// Resources are closed, one at a time.
    Closing,
    /// Logs and traces are flushed.
    Flushing,
    /// Every component has ended.
    Exited,
}

/// The time at which a phase began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PhaseChange {
    /// The phase that began.
    pub phase: Phase,
    /// When it began, counted from the start of the lifecycle.
    #[serde(rename = "at_ms", with = "super::millis")]
    pub at: Duration,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Ready,
        Self::LameDuck,
        Self::Draining,
        Self::Closing,
        Self::Flushing,
        Self::Exited,
    ];

    /// Returns the phase's name in logs and reports.
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

    /// Returns whether the shutdown has begun; also true after it has finished.
    pub fn is_stopping(self) -> bool {
        self >= Self::LameDuck
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
