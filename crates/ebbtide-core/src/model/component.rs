use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Stage;

/// Numbers a component in the order of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(pub usize);

/// Tells what ends a component by itself means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The start-up closure: its end makes the lifecycle ready.
    StartUp,
    /// Runs until it is asked to stop; its end before that stops the whole group.
    Service,
    /// A [`Service`](Self::Service) that takes work from components registered after it, until they are over.
    Pool,
    /// May end by itself at any time.
    Finite,
    /// Does nothing until it is asked to stop, and then has something to do: a hook, a resource, a flusher.
    Teardown,
    /// Answers health probes: runs until the very end, after the flushers.
    Probe,
    /// Does nothing until everything else is over, the probes too, and is done then.
    Last,
}

/// Tells how far a component's end is. It only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentState {
    /// It was not asked to stop.
    Running,
    /// It was asked.
    Asked,
    /// It was told that its time is up.
    Cut,
    /// Its task was aborted.
    Aborted,
    /// It has ended, or is waited for no longer.
    Over,
}

/// Describes a component to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The name in logs and reports.
    pub name: String,
    /// The stage that it stops in.
    pub stage: Stage,
    /// What its end means.
    pub kind: Kind,
    /// A deadline of its own, counted from the moment it is asked. The stage's holds as well.
    pub limit: Option<Duration>,
}

impl Spec {
    /// Describes a component without a deadline of its own.
    pub fn new(name: impl Into<String>, stage: Stage, kind: Kind) -> Self {
        Self { name: name.into(), stage, kind, limit: None }
    }
}
