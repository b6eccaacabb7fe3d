use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The number of a component, in the order of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(pub usize);

/// The kind of a component: what its end means for the lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The start-up closure: its end makes the lifecycle ready.
    StartUp,
    /// Runs until it is asked to stop; if it ends earlier, the shutdown begins.
    Service,
    /// A [`Service`](Self::Service) that takes work from components registered after it, until they have ended.
    Pool,
    /// May end by itself at any time.
    Finite,
    /// Does nothing until it is asked to stop, and then runs: a hook, a resource, a flusher.
    Teardown,
    /// Answers health probes: stops after the flushers.
    Probe,
    /// Runs after everything else has ended, the probes included.
    Last,
}

/// The state of a component. States only move forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentState {
    /// It has not been asked to stop.
    Running,
    /// It was asked to stop.
    Asked,
    /// Its deadline was exceeded and it was cancelled.
    Cancelled,
    /// Its task was aborted.
    Aborted,
    /// It has ended, or was given up.
    Over,
}

/// Describes a component to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The name in logs and reports.
    pub name: String,
    /// The stage in which it stops.
    pub stage: Stage,
    /// What its end means.
    pub kind: Kind,
    /// A per-component deadline, counted from when it is asked to stop. The deadline of its stage holds as well.
    pub limit: Option<Duration>,
}

impl Spec {
    /// Describes a component without a per-component deadline.
    pub fn new(name: impl Into<String>, stage: Stage, kind: Kind) -> Self {
        Self { name: name.into(), stage, kind, limit: None }
    }
}

/// A group of components that stop together. The order is the order in which the stages stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Hooks, queue consumers and tickers: asked to stop at the signal.
    Intake,
    /// Servers: announce the shutdown at the signal and are asked to stop at the end of the lame duck.
    Servers,
    /// Worker pools and tasks: asked when intake and servers have stopped. A pool takes work from components registered later.
    Workers,
    /// Resources: asked one at a time, the last registered first, when the workers have stopped.
    Resources,
    /// Flushers, then the health listener: always last.
    Telemetry,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [Self::Intake, Self::Servers, Self::Workers, Self::Resources, Self::Telemetry];

    /// Returns whether the stage's components stop one at a time, the last registered first.
    pub fn is_sequential(self) -> bool {
        matches!(self, Self::Resources | Self::Telemetry)
    }

    /// Returns the stage's name in logs and reports.
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
