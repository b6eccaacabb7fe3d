//! The whole plan of a rehearsal, and the service that it starts.

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{LoadPlan, RequestTemplate, Route, StopPlan, Target, Via};
use crate::record::Store;

/// What to start, how to load it and how to stop it. [`Scenario::new`] sets the defaults.
///
/// # Examples
///
/// ```
/// use ebbtide_rehearse::{Program, Ready, Scenario, Target};
///
/// let ready = Target::from_port("8080")?;
/// let mut scenario = Scenario::new(Program::Command(vec!["./orders".into()]), Ready::Port(ready));
/// scenario.repeat = 25;
/// scenario.allow_status = vec![503];
/// # Ok::<(), ebbtide_rehearse::BadTarget>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The service.
    pub program: Program,
    /// Variables that are added to its environment, which is that of this process. Default: none.
    pub env: Vec<(OsString, OsString)>,
    /// The folder in which it runs, and the command of a preStop hook as well. Default: that of this process.
    pub folder: Option<PathBuf>,
    /// Whether the service is PID 1 of a PID namespace of its own, as in a container: a signal without a handler then does nothing.
    /// Needs root, or user namespaces. Default: no.
    pub pid_one: bool,
    /// The readiness check.
    pub ready: Ready,
    /// The maximum time until it is ready. Default: 30 s.
    pub ready_limit: Duration,
    /// The path that has to be answered with less than 400 until the listener closes, at the address of readiness if it has none of its own.
    /// Default: `None`.
    pub liveness: Option<Route>,
    /// Whether a readiness that never turns red is a failure. Default: no.
    pub require_readiness: bool,
    /// Response statuses that are not a loss after the signal. Default: none.
    pub allow_status: Vec<u16>,
    /// Statuses of 400 and more that a route may always answer: the route then counts as working. Default: none.
    pub expect_status: Vec<u16>,
    /// Whether an inconclusive rehearsal fails. Default: no.
    pub strict: bool,
    /// What the requests carry beside their routes. Default: HTTP/1, no header, and a small JSON object as the body of a POST, PUT or PATCH.
    pub template: RequestTemplate,
    /// The load. Default: three shapes, fitted to half of the measured capacity, on the first common path that the service answers.
    pub load: LoadPlan,
    /// The stop. Default: SIGTERM after 1 s to 1.5 s of load, 30 s until SIGKILL, and exit code 0.
    pub stop: StopPlan,
    /// The dependencies that the service reaches through a relay, which records how each connection ends. Default: none.
    pub via: Vec<Via>,
    /// The URL of the PostgreSQL database in which the service's sessions are observed. Default: `None`.
    pub database: Option<String>,
    /// The file to which the report of a service that is built on the library is copied after each run, if any. A report of an
    /// earlier run is removed. Default: `None`.
    pub report: Option<PathBuf>,
    /// The number of runs. Default: 1.
    pub repeat: u32,
    /// Whether a run that fails is the last one. Default: no.
    pub until_failure: bool,
    /// The program that cleans up when this process is killed. It is started with the argument [`JANITOR`](crate::JANITOR)
    /// and must call [`janitor`](crate::janitor). Without it, which is the default, a rehearsal that is
    /// killed leaves the service running.
    pub janitor: Option<PathBuf>,
    /// The seed of the times of the signal and of the think times. Default: a random number of 32 bits.
    pub seed: u64,
}

/// The service.
#[derive(Clone, Debug)]
pub enum Program {
    /// A command line.
    Command(Vec<OsString>),
    /// A service that is set up for each run.
    Managed(Arc<dyn ManagedService>),
    /// A service that runs already, by its process id. It gets the signals and nothing else: no environment, no clean-up, and one run. Its
    /// exit code and its output are not observed.
    Running(i32),
}

impl Program {
    /// Returns the command line for display.
    pub fn title(&self) -> String {
        match self {
            Self::Command(words) => {
                words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
            }
            Self::Managed(service) => service.title(),
            Self::Running(pid) => format!("process {pid}"),
        }
    }
}

/// The check that decides when the service is ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ready {
    /// A GET of this path is answered with 200 to 399.
    Http(Target, String),
    /// The port accepts a connection.
    Port(Target),
    /// The path that a [managed service](ManagedService) names, at an address chosen for each run.
    Managed,
}

/// A boxed future, as implementations return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service that is set up for each run, at an address that the rehearsal chooses.
pub trait ManagedService: fmt::Debug + Send + Sync {
    /// Returns the command line for display.
    fn title(&self) -> String;

    /// Returns a path whose status does not change until the exit.
    fn steady_path(&self) -> &str;

    /// Returns the readiness path.
    fn ready_path(&self) -> &str;

    /// Returns how to start the service for one run.
    ///
    /// # Errors
    ///
    /// A resource that the service requires cannot be created. The rehearsal is then abandoned.
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
    /// How long after the beginning of the stop a refused connection is a loss.
    pub min_lame_duck: Duration,
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
    /// The data that remains after the exit.
    pub store: Option<Box<dyn ServiceStore>>,
}

/// The data that a service leaves behind.
pub trait ServiceStore: fmt::Debug + Send + Sync {
    /// Reads what the service has left after its exit, and checks for the orders that it had `acknowledged`.
    fn look<'a>(&'a self, acknowledged: &'a [Box<str>]) -> BoxFuture<'a, Store>;

    /// Removes what is outside the run's folder, as far as possible.
    fn clear(&self) -> BoxFuture<'_, ()>;
}

impl<'a> RunPlace<'a> {
    pub(crate) fn new(folder: &'a Path, port: u16, stop: &StopPlan, database: Option<&'a str>) -> Self {
        Self { folder, port, grace: stop.grace, min_lame_duck: stop.min_lame_duck, database }
    }
}
