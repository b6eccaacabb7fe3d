use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    Cancelled,
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

/// Names a group of components that stop together. The order is the order in which they stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Hooks, queue consumers and tickers: asked at the signal.
    Intake,
    /// Servers: announce at the signal, asked when the lame duck is over.
    Servers,
    /// Worker pools and tasks: asked when intake and servers have stopped. Pools take what those registered after them send.
    Workers,
    /// Resources: asked one at a time, the last registered first, when the workers have stopped.
    Resources,
    /// Flushers, then the health listener: last, always.
    Telemetry,
}

impl Stage {
    /// Every stage, in the order in which they stop.
    pub const ALL: [Self; 5] = [Self::Intake, Self::Servers, Self::Workers, Self::Resources, Self::Telemetry];

    /// Tells whether the stage's components stop one at a time, the last registered first.
    pub fn is_sequential(self) -> bool {
        matches!(self, Self::Resources | Self::Telemetry)
    }

    /// Returns the stage's name as it stands in logs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Servers => "servers",
            Self::Workers => "workers",
            Self::Resources => "resources",
            Self::Telemetry => "telemetry",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
