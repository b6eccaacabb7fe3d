use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::show_duration;

/// The reason why a shutdown began.
///
/// The first cause is kept. A component that fails during the shutdown has an outcome; it is not a new cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The process received a stop signal.
    Signal {
        /// The signal's number, as in `signal(7)`.
        number: i32,
    },
    /// The program requested the shutdown.
    Requested {
        /// The caller's reason.
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
    /// A component that must run until the shutdown returned before it.
    Ended {
        /// The component's name.
        component: String,
    },
    /// A critical readiness check stayed red for too long.
    Unhealthy {
        /// The check's name.
        check: String,
        /// The error of its last run.
        error: String,
        /// How long it had been red in the phase Ready.
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
    /// Returns whether the cause is a failure: anything but a signal or a request.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Signal { .. } | Self::Requested { .. })
    }

    /// Returns the name of a signal, such as `SIGTERM`; `None` for a signal other than SIGHUP, SIGINT, SIGQUIT and SIGTERM.
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
            Self::Ended { component } => write!(f, "{component} ended before the shutdown"),
            Self::Unhealthy { check, error, red_for } => {
                write!(f, "critical check {check} failing for {}: {error}", show_duration(*red_for))
            }
            Self::StartUpFailed { error } => write!(f, "start-up failed: {error}"),
        }
    }
}
