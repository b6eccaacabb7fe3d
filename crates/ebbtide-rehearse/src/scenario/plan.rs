//! The whole plan of a rehearsal.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{LoadPlan, ManagedService, StopPlan, Target};

/// What to start, how to load it and how to stop it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The service.
    pub program: Program,
    /// When it counts as ready.
    pub ready: Ready,
    /// How long it may take to get ready.
    pub ready_limit: Duration,
    /// Whether a readiness that never turns red is a failure.
    pub require_readiness: bool,
    /// Statuses that are no loss after the signal.
    pub allow_status: Vec<u16>,
    /// Whether an inconclusive rehearsal fails.
    pub strict: bool,
    /// The load.
    pub load: LoadPlan,
    /// The stop.
    pub stop: StopPlan,
    /// Where to observe the service's PostgreSQL sessions, if anywhere.
    pub database: Option<String>,
    /// How many runs.
    pub repeat: u32,
    /// The program that clears up when this one is killed, started with the word [`JANITOR`](crate::JANITOR): it has to call
    /// [`janitor`](crate::janitor). Without one, a rehearsal that is killed leaves the service running.
    pub janitor: Option<PathBuf>,
    /// What the signal's moments and the think times are drawn from.
    pub seed: u64,
}

/// The service to start.
#[derive(Clone, Debug)]
pub enum Program {
    /// A command line.
    Command(Vec<OsString>),
    /// A service that is set up anew for each run.
    Managed(Arc<dyn ManagedService>),
}

impl Program {
    /// The command line as a person would write it.
    pub fn title(&self) -> String {
        match self {
            Self::Command(words) => {
                words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
            }
            Self::Managed(service) => service.title(),
        }
    }
}

/// When the service counts as ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ready {
    /// A GET of this path is answered with 200 to 399.
    Http(Target, String),
    /// The port accepts a connection.
    Port(Target),
    /// The path that a [managed service](ManagedService) names, at an address chosen for each run.
    Managed,
}
