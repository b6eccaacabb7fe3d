use std::fmt;

use serde::{Deserialize, Serialize};

/// Tells how a component ended. Each has exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It finished everything it held.
    Drained,
    /// Its time was up before it had finished.
    Cut,
    /// It returned an error, or ended when it should not.
    Failed {
        /// The error and its sources, joined by `: `.
        error: String,
    },
    /// It panicked.
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// It was aborted and did not go: something in it blocks its thread.
    Stuck,
}

impl Outcome {
    /// Returns the outcome's name as it stands in logs and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Cut => "cut",
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
