use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::show_duration;

/// Names why a stop began.
///
/// The first cause wins: what fails while the stop is under way is an outcome of its component, not a new cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The process got a signal that asks it to stop.
    Signal {
        /// The signal's number, as in `signal(7)`.
        number: i32,
    },
    /// The program asked for the stop itself.
    Requested {
        /// What the caller gave as its reason.
        reason: String,
    },
    /// A component returned an error.
    Failed {
        /// The component's name.
        component: String,
        /// The error and its sources, joined by `: `.
        error: String,
    },
    /// A component panicked.
    Panicked {
        /// The component's name.
        component: String,
        /// The panic's message.
        message: String,
    },
    /// A component that runs until the stop returned before it.
    Ended {
        /// The component's name.
        component: String,
    },
    /// A critical readiness check stayed red for too long.
    Unhealthy {
        /// The check's name.
        check: String,
        /// What its last run failed with.
        error: String,
        /// How long it had been red while the service should have been ready.
        #[serde(rename = "red_for_ms", with = "super::millis")]
        red_for: Duration,
    },
    /// The start-up closure returned an error or panicked.
    StartUpFailed {
        /// The error and its sources, joined by `: `.
        error: String,
    },
}

impl Cause {
    /// Tells whether the stop began because something went wrong, and not because somebody asked for it.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Signal { .. } | Self::Requested { .. })
    }

    /// Returns the usual name of a signal's number, such as `SIGTERM`, or `None` for one that cannot begin a stop.
    pub fn signal_name(number: i32) -> Option<&'static str> {
        // The numbers are those of signal(7), the same on every Unix that tokio supports.
        match number {
            1 => Some("SIGHUP"),
            2 => Some("SIGINT"),
            3 => Some("SIGQUIT"),
            15 => Some("SIGTERM"),
            _ => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { number } => match Self::signal_name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {number}"),
            },
            Self::Requested { reason } => write!(f, "requested: {reason}"),
            Self::Failed { component, error } => write!(f, "{component} failed: {error}"),
            Self::Panicked { component, message } => write!(f, "{component} panicked: {message}"),
            Self::Ended { component } => write!(f, "{component} ended before the stop"),
            Self::Unhealthy { check, error, red_for } => {
                write!(f, "the critical check {check} was red for {}: {error}", show_duration(*red_for))
            }
            Self::StartUpFailed { error } => write!(f, "start-up failed: {error}"),
        }
    }
}
