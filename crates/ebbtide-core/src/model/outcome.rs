use std::fmt;

use serde::{Deserialize, Serialize};

use super::Cause;

/// The outcome of a component. Each component has exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It finished everything that it had in flight.
    Drained,
    /// Its deadline was exceeded before it had finished.
    Cancelled,
    /// It returned an error, or ended before the shutdown although it must not.
    Failed {
        /// The error and its sources, joined by `: `.
        error: String,
    },
    /// It panicked.
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// It did not stop after its task was aborted: something in it blocks its thread.
    Stuck,
}

impl Outcome {
    /// Returns the outcome's name in logs and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Cancelled => "cancelled",
            Self::Failed { .. } => "failed",
            Self::Panicked { .. } => "panicked",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { error } => write!(f, "failed: {error}"),
            Self::Panicked { message } => write!(f, "panicked: {message}"),
            other => f.pad(other.name()),
        }
    }
}

/// How the process ends. [`code`](Self::code) is the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// 0: every component drained.
    Drained,
    /// 1: start-up or a component failed.
    Failed,
    /// 3: work was cancelled at its deadline.
    Cancelled,
    /// 4: the watchdog ended the process.
    Watchdog,
    /// 128+n: a second signal ended the process.
    Signalled(i32),
}

impl Exit {
    /// The exit code when every component drained.
    pub const DRAINED: u8 = 0;
    /// The exit code when start-up or a component failed.
    pub const FAILED: u8 = 1;
    /// The exit code when work was cancelled at its deadline.
    pub const CANCELLED: u8 = 3;
    /// The exit code when the watchdog ended the process.
    pub const WATCHDOG: u8 = 4;

    /// Returns the exit of a shutdown that has finished. A failure takes precedence over a cancellation; the report has both.
    pub fn judge<'a>(cause: Option<&Cause>, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let start = if cause.is_some_and(Cause::is_failure) { Self::Failed } else { Self::Drained };
        outcomes.into_iter().fold(start, |exit, outcome| match (exit, outcome) {
            (Self::Failed, _) | (_, Outcome::Failed { .. } | Outcome::Panicked { .. }) => Self::Failed,
            (_, Outcome::Cancelled | Outcome::Stuck) => Self::Cancelled,
            (exit, Outcome::Drained) => exit,
        })
    }

    /// Returns the exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Drained => Self::DRAINED,
            Self::Failed => Self::FAILED,
            Self::Cancelled => Self::CANCELLED,
            Self::Watchdog => Self::WATCHDOG,
            // Signal numbers end at 64 (signal(7)), so the sum fits.
            Self::Signalled(number) => 128_u8.saturating_add(u8::try_from(number).unwrap_or(127)),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drained => f.write_str("all components drained"),
            Self::Failed => f.write_str("start-up or a component failed"),
            Self::Cancelled => f.write_str("work cancelled at its deadline"),
            Self::Watchdog => f.write_str("ended by the watchdog"),
            Self::Signalled(number) => write!(f, "ended by a second signal ({number})"),
        }
    }
}
