use std::fmt;

use serde::{Deserialize, Serialize};

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
