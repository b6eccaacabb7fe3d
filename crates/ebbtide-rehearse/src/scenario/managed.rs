//! Services that are more than a command line: set up anew for each run, and looked at after it.

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use crate::record::Store;

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
