use std::time::Duration;

use super::Declared;
use crate::input::Place;

/// A probe of a container.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) handler: Handler,
    pub(crate) period: Declared<Duration>,
    pub(crate) failures: Declared<u32>,
    pub(crate) initial_delay: Declared<Duration>,
    /// A grace period that replaces that of the workload when this probe causes the stop.
    pub(crate) grace: Option<Declared<Duration>>,
    pub(crate) place: Place,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    Http { path: String, port: String },
    Tcp { port: String },
    Grpc { port: String },
    Exec { words: Vec<String> },
    Unknown,
}
