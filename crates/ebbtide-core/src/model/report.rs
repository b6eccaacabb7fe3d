use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, Outcome, PhaseChange, Plan, Stage};

/// The version of the report's JSON. It changes when a field is removed or changes its meaning.
pub const REPORT_SCHEMA: u32 = 2;

/// Tells how a lifecycle ended: one value, logged as one event and written to the file named in `EBBTIDE_REPORT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
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
    /// How each component ended, in the order of registration. Those that ended by themselves are only counted, in
    /// `ended_by_themselves`.
    pub components: Vec<ComponentReport>,
    /// How many components that may end by themselves (`Handle::once`) did so without an error before they were asked to stop.
    #[serde(default)]
    pub ended_by_themselves: u64,
    /// What the stop was planned to take.
    pub plan: Plan,
}

/// Tells how one component ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentReport {
    /// The component's name.
    pub name: String,
    /// The stage it stopped in.
    pub stage: Stage,
    /// How it ended; `None` in a report that the watchdog made while it still ran.
    pub outcome: Option<Outcome>,
    /// What it held when the stop began.
    pub in_flight_at_stop: u64,
    /// What it accepted from then on.
    #[serde(default)]
    pub begun: u64,
    /// What it still holds; not zero only in a report that was made before its end.
    #[serde(default)]
    pub in_flight: u64,
    /// What it finished from then on.
    pub finished: u64,
    /// What it ended from then on before its source had ended, because its policy says so, such as event streams. It is no loss
    /// and does not change the exit code.
    #[serde(default)]
    pub ended_early: u64,
    /// What it cancelled at a deadline before it finished.
    pub cancelled: u64,
    /// What failed from then on: it returned an error, panicked or exceeded a timeout of its own.
    #[serde(default)]
    pub failed: u64,
    /// What the client abandoned from then on: it disconnected or stalled. It does not change the exit code.
    #[serde(default)]
    pub abandoned: u64,
    /// How many jobs it returned to their queue before they had begun.
    #[serde(default)]
    pub requeued: u64,
    /// What it held at its deadline, oldest first, and the requests whose peers stalled; at most [`Straggler::SHOWN`]. The counts
    /// are those of all.
    pub stragglers: Vec<Straggler>,
    /// The ids of the jobs that it handed back to their queue. Those that had begun are counted in `cancelled` as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requeued_ids: Vec<String>,
    /// The ids of the jobs whose queue did not answer in time, counted in `cancelled` as well: they are delivered again when their
    /// leases run out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<String>,
    /// How many jobs it finished from then on that were no longer its own when their queue was told: their lease or their
    /// connection had ended. They are delivered again, or were settled by a word whose answer was lost.
    #[serde(default)]
    pub redelivered: u64,
}

/// Describes work that was still in flight when it was asked after, or when its time was up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Straggler {
    /// What the work is, such as `GET /orders/7 from 10.0.0.8:51234` or a job's id.
    pub name: String,
    /// How long it had been in flight.
    #[serde(rename = "age_ms", with = "super::millis")]
    pub age: Duration,
    /// Where it was created, as `file:line`, where that is known.
    pub created: Option<String>,
}

/// The sums over all components of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// What was in flight when the shutdown began.
    pub in_flight_at_stop: u64,
    /// What finished from then on.
    pub finished: u64,
    /// What was cancelled at its deadline.
    pub cancelled: u64,
}

impl Report {
    /// Makes a report of a lifecycle without components that has not begun to stop.
    pub fn new(name: impl Into<String>, plan: Plan) -> Self {
        Self {
            schema: REPORT_SCHEMA,
            name: name.into(),
            cause: None,
            exit_code: 0,
            stop: Duration::ZERO,
            phases: Vec::new(),
            components: Vec::new(),
            ended_by_themselves: 0,
            plan,
        }
    }

    /// Returns what became of a component; the first of that name, where several have it.
    pub fn component(&self, name: &str) -> Option<&ComponentReport> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Returns the components that did not drain, with how they ended.
    pub fn troubled(&self) -> impl Iterator<Item = &ComponentReport> {
        self.components.iter().filter(|component| component.outcome != Some(Outcome::Drained))
    }

    /// Returns the sums over all components.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for component in &self.components {
            totals.in_flight_at_stop = totals.in_flight_at_stop.saturating_add(component.in_flight_at_stop);
            totals.finished = totals.finished.saturating_add(component.finished);
            totals.cancelled = totals.cancelled.saturating_add(component.cancelled);
        }
        totals
    }
}

impl ComponentReport {
    /// Makes a report of a component that held nothing and has not ended.
    pub fn new(name: impl Into<String>, stage: Stage) -> Self {
        Self {
            name: name.into(),
            stage,
            outcome: None,
            in_flight_at_stop: 0,
            begun: 0,
            in_flight: 0,
            finished: 0,
            ended_early: 0,
            cancelled: 0,
            failed: 0,
            abandoned: 0,
            requeued: 0,
            stragglers: Vec::new(),
            requeued_ids: Vec::new(),
            unsettled: Vec::new(),
            redelivered: 0,
        }
    }

    /// Returns by how many pieces of work the counts miss their sum; zero where they add up: what was in flight when the stop
    /// began, and what was accepted from then on, is finished, ended early, cut, failed, abandoned, requeued, redelivered, or
    /// still in flight.
    pub fn unaccounted(&self) -> u64 {
        let accepted = self.in_flight_at_stop.saturating_add(self.begun);
        let fates = [
            self.in_flight,
            self.finished,
            self.ended_early,
            self.cancelled,
            self.failed,
            self.abandoned,
            self.requeued,
            self.redelivered,
        ];
        accepted.abs_diff(fates.into_iter().fold(0, u64::saturating_add))
    }
}

impl Straggler {
    /// How many stragglers of a component a report and a snapshot have at most: the oldest.
    pub const SHOWN: usize = 100;
}
