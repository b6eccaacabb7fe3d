use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, Outcome, PhaseChange, Plan, Stage};

/// The version of the report's JSON. It changes when a field is removed or its meaning changes.
pub const REPORT_SCHEMA: u32 = 2;

/// The report of a lifecycle: logged as one event and written as JSON to the file that `EBBTIDE_REPORT` names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The version of this structure, [`REPORT_SCHEMA`].
    pub schema: u32,
    /// The lifecycle's name.
    pub name: String,
    /// Why the shutdown began.
    pub cause: Option<Cause>,
    /// The exit code.
    pub exit_code: u8,
    /// The time from the start of the shutdown to the start of the last phase.
    #[serde(rename = "stop_ms", with = "super::millis")]
    pub stop: Duration,
    /// When each phase began.
    pub phases: Vec<PhaseChange>,
    /// How each component ended, in the order of registration. Components that ended by themselves are only counted, in
    /// `ended_by_themselves`.
    pub components: Vec<ComponentReport>,
    /// How many components that may end by themselves (`Handle::once`) did so without an error before they were asked to stop.
    #[serde(default)]
    pub ended_by_themselves: u64,
    /// The plan of the shutdown.
    pub plan: Plan,
}

/// The report of one component.
///
/// Except for `in_flight_at_stop` and `in_flight`, the counts begin at the start of the shutdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentReport {
    /// The component's name.
    pub name: String,
    /// The stage in which it stopped.
    pub stage: Stage,
    /// How it ended; `None` in a report that the watchdog made while the component was still running.
    pub outcome: Option<Outcome>,
    /// Work in flight when the shutdown began.
    pub in_flight_at_stop: u64,
    /// Work accepted during the shutdown.
    #[serde(default)]
    pub begun: u64,
    /// Work still in flight; zero unless the report was made before the component ended.
    #[serde(default)]
    pub in_flight: u64,
    /// Work finished during the shutdown.
    pub finished: u64,
    /// Work that the component's policy ended before its source had ended, such as event streams. It is not a loss and does not
    /// change the exit code.
    #[serde(default)]
    pub ended_early: u64,
    /// Work cancelled at a deadline before it finished.
    pub cancelled: u64,
    /// Work that returned an error, panicked or exceeded a separate timeout.
    #[serde(default)]
    pub failed: u64,
    /// Work abandoned because the client disconnected or stalled. It does not change the exit code.
    #[serde(default)]
    pub abandoned: u64,
    /// Jobs returned to their queue before they had begun.
    #[serde(default)]
    pub requeued: u64,
    /// Work in flight at the deadline, oldest first, and the requests whose peers stalled; at most [`Straggler::SHOWN`]. The
    /// counts include the others.
    pub stragglers: Vec<Straggler>,
    /// The ids of the jobs that were requeued. Those that had begun are counted in `cancelled` as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requeued_ids: Vec<String>,
    /// The ids of the jobs whose queue did not respond in time, counted in `cancelled` as well. They are delivered again when
    /// their leases expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<String>,
    /// Jobs that finished during the shutdown, but whose lease or connection had ended before they were settled. They are
    /// delivered again, or were settled by a request whose response was lost.
    #[serde(default)]
    pub redelivered: u64,
}

/// Work that was in flight when the stragglers were listed, or at its deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Straggler {
    /// The name of the work, such as `GET /orders/7 from 10.0.0.8:51234` or a job's id.
    pub name: String,
    /// How long it had been in flight.
    #[serde(rename = "age_ms", with = "super::millis")]
    pub age: Duration,
    /// Where it was created, as `file:line`; `None` if unknown.
    pub created: Option<String>,
}

/// The sums over all components of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Work in flight when the shutdown began.
    pub in_flight_at_stop: u64,
    /// Work finished during the shutdown.
    pub finished: u64,
    /// Work cancelled at its deadline.
    pub cancelled: u64,
}

impl Report {
    /// Creates the report of a lifecycle without components whose shutdown has not begun.
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

    /// Returns the report of a component; the first one if several have that name.
    pub fn component(&self, name: &str) -> Option<&ComponentReport> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Returns the components whose outcome is not [`Outcome::Drained`].
    pub fn undrained(&self) -> impl Iterator<Item = &ComponentReport> {
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
    /// Creates the report of a component that has no work and has not ended.
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

    /// Returns the difference between the work accepted and the sum of its outcomes; zero if they add up.
    ///
    /// Work that was in flight when the shutdown began, and work accepted since, is finished, ended early, cancelled, failed,
    /// abandoned, requeued, redelivered, or still in flight.
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
    /// The maximum number of stragglers per component in a report or a snapshot: the oldest are kept.
    pub const SHOWN: usize = 100;
}
