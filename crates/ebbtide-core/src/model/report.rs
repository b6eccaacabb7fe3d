use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, Outcome, PhaseChange, Plan, Stage, Straggler};

/// The version of the report's JSON. It changes when a field is removed or changes its meaning.
pub const REPORT_SCHEMA: u32 = 1;

/// Tells how a lifecycle ended: one value, logged as one event and written to the file named in `EBBTIDE_REPORT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this structure, [`REPORT_SCHEMA`].
    pub schema: u32,
    /// The lifecycle's name.
    pub name: String,
    /// Why the stop began.
    pub cause: Option<Cause>,
    /// The exit code.
    pub exit_code: u8,
    /// From the moment the stop began to the last phase.
    #[serde(rename = "stop_ms", with = "super::millis")]
    pub stop: Duration,
    /// When each phase began.
    pub phases: Vec<PhaseChange>,
    /// How each component ended, in the order of registration.
    pub components: Vec<ComponentReport>,
    /// What the stop was planned to take.
    pub plan: Plan,
}

/// Tells how one component ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentReport {
    /// The component's name.
    pub name: String,
    /// The stage it stopped in.
    pub stage: Stage,
    /// How it ended; `None` in a report that the watchdog made while it still ran.
    pub outcome: Option<Outcome>,
    /// What it held when the stop began.
    pub in_flight_at_stop: u64,
    /// What it finished from then on.
    pub finished: u64,
    /// What was ended before it finished.
    pub cut: u64,
    /// What it held when its time was up, oldest first.
    pub stragglers: Vec<Straggler>,
    /// The ids of the jobs that it handed back to their queue. Those that had begun are counted in `cut` as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handed_back: Vec<String>,
    /// The ids of the jobs whose queue did not answer in time, counted in `cut` as well: they are delivered again when their
    /// leases run out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<String>,
    /// How many jobs it finished from then on that were no longer its own when their queue was told: their lease or their
    /// connection had ended. They are delivered again, or were settled by a word whose answer was lost.
    #[serde(default)]
    pub redelivered: u64,
}

impl Report {
    /// Returns what became of a component; the first of that name, where several have it.
    pub fn component(&self, name: &str) -> Option<&ComponentReport> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Returns the components that did not drain, with how they ended.
    pub fn troubled(&self) -> impl Iterator<Item = &ComponentReport> {
        self.components.iter().filter(|component| component.outcome != Some(Outcome::Drained))
    }

    /// Returns the sums over all components: in flight at the stop, finished since, cut.
    pub fn totals(&self) -> (u64, u64, u64) {
        self.components.iter().fold((0, 0, 0), |(held, finished, cut), component| {
            (held + component.in_flight_at_stop, finished + component.finished, cut + component.cut)
        })
    }
}
