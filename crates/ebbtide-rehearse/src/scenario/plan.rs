//! The whole plan of a rehearsal, and the service that it starts.

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{LoadPlan, StopPlan, Target};
use crate::record::Store;

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

/// What an implementation returns for a future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service that is set up anew for each run, at an address that is chosen for it.
pub trait ManagedService: fmt::Debug + Send + Sync {
    /// The command line as a person would write it.
    fn title(&self) -> String;

    /// A path that is answered with the same status until the end.
    fn steady_path(&self) -> &str;

    /// The path of its readiness.
    fn ready_path(&self) -> &str;

    /// Says how to start it for one run.
    ///
    /// # Errors
    ///
    /// When what it needs cannot be made: there is no rehearsal then.
    fn set_up<'a>(&'a self, run: RunPlace<'a>) -> BoxFuture<'a, io::Result<SetUp>>;
}

/// Where a run takes place.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RunPlace<'a> {
    /// An empty folder, which is removed with the run.
    pub folder: &'a Path,
    /// The port of 127.0.0.1 on which the service has to listen.
    pub port: u16,
    /// The grace period.
    pub grace: Duration,
    /// The database that is watched, if one is.
    pub database: Option<&'a str>,
}

/// How a service is started for one run.
#[derive(Debug)]
pub struct SetUp {
    /// The command line.
    pub words: Vec<OsString>,
    /// Variables that are added to its environment.
    pub env: Vec<(&'static str, OsString)>,
    /// What outlives it.
    pub store: Option<Box<dyn ServiceStore>>,
}

/// What a service keeps outside of itself.
pub trait ServiceStore: fmt::Debug + Send + Sync {
    /// Looks, after the service has ended, at what it has left, and for the orders that it had `acknowledged`.
    fn look<'a>(&'a self, acknowledged: &'a [Box<str>]) -> BoxFuture<'a, Store>;

    /// Removes what is not in the run's folder, as far as that is possible.
    fn clear(&self) -> BoxFuture<'_, ()>;
}

impl<'a> RunPlace<'a> {
    pub(crate) fn new(folder: &'a Path, port: u16, grace: Duration, database: Option<&'a str>) -> Self {
        Self { folder, port, grace, database }
    }
}
