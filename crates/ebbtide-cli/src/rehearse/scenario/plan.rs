//! The whole plan of a rehearsal.

use std::ffi::OsString;
use std::time::Duration;

use super::{LoadPlan, StopPlan, Target};

/// What to start, how to load it and how to stop it.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// The service.
    pub(crate) program: Program,
    /// When it counts as ready.
    pub(crate) ready: Ready,
    /// How long it may take to get ready.
    pub(crate) ready_limit: Duration,
    /// Whether a readiness that never turns red is a failure.
    pub(crate) require_readiness: bool,
    /// Statuses that are no loss after the signal.
    pub(crate) allow_status: Vec<u16>,
    /// Whether an inconclusive rehearsal fails.
    pub(crate) strict: bool,
    /// The load.
    pub(crate) load: LoadPlan,
    /// The stop.
    pub(crate) stop: StopPlan,
    /// Where to observe the service's PostgreSQL sessions, if anywhere.
    pub(crate) database: Option<String>,
    /// How many runs.
    pub(crate) repeat: u32,
    /// What the signal's moments and the think times are drawn from.
    pub(crate) seed: u64,
}

/// The service to start.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// A command line.
    Command(Vec<OsString>),
    /// The demo service, with options of its own; address and data folder are ours.
    Demo(Vec<OsString>),
}

impl Program {
    /// The command line as a person would write it.
    pub(crate) fn title(&self) -> String {
        let (head, words) = match self {
            Self::Command(words) => (None, words),
            Self::Demo(words) => (Some("ebbtide demo"), words),
        };
        let words = words.iter().map(|word| word.to_string_lossy());
        head.into_iter().map(Into::into).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// When the service counts as ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ready {
    /// A GET of this path is answered with 200 to 399.
    Http(Target, String),
    /// The port accepts a connection.
    Port(Target),
    /// The demo's own `/readyz`, at an address chosen for each run.
    Demo,
}
