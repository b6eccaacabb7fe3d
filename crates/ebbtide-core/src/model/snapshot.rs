use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, ComponentState, Outcome, Phase, PhaseChange, Stage, Straggler};

/// The version of the snapshot's JSON. It changes when a field is removed or its meaning changes.
pub const SNAPSHOT_SCHEMA: u32 = 1;

/// The state of a lifecycle at one instant, as the debug view shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of this structure, [`SNAPSHOT_SCHEMA`].
    pub schema: u32,
    /// The lifecycle's name.
    pub name: String,
    /// The present phase.
    pub phase: Phase,
    /// The time since the lifecycle began.
    #[serde(rename = "age_ms", with = "super::millis")]
    pub age: Duration,
    /// When each phase began.
    pub phases: Vec<PhaseChange>,
    /// The shutdown; `None` before it begins.
    pub stop: Option<StopSnapshot>,
    /// Each component, in the order of registration. Those that ended by themselves are only counted, in `ended_by_themselves`.
    pub components: Vec<ComponentSnapshot>,
    /// How many components that may end by themselves (`Handle::once`) did so without an error before they were asked to stop.
    #[serde(default)]
    pub ended_by_themselves: u64,
}

/// The state of a shutdown at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StopSnapshot {
    /// Why it began.
    pub cause: Cause,
    /// The time since it began.
    #[serde(rename = "elapsed_ms", with = "super::millis")]
    pub elapsed: Duration,
    /// The time until the deadline, by which the process has exited in any case.
    #[serde(rename = "left_ms", with = "super::millis")]
    pub left: Duration,
}

/// The state of one component at one instant.
///
/// The counts begin when the component starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentSnapshot {
    /// The component's name.
    pub name: String,
    /// The stage in which it stops.
    pub stage: Stage,
    /// Its state.
    pub state: ComponentState,
    /// How it ended; `None` before its end.
    pub outcome: Option<Outcome>,
    /// Work in flight.
    pub in_flight: u64,
    /// Work finished.
    pub finished: u64,
    /// Work cancelled before it finished.
    pub cancelled: u64,
    /// Jobs requeued for another consumer.
    pub requeued: usize,
    /// Jobs neither finished nor requeued, because their queue did not respond.
    pub unsettled: usize,
    /// Jobs that finished after this process had lost them: another consumer runs them again.
    #[serde(default)]
    pub redelivered: u64,
    /// Work in flight, oldest first; at most [`Straggler::SHOWN`].
    pub stragglers: Vec<Straggler>,
}

impl Snapshot {
    /// Creates the snapshot of a lifecycle without components that has just begun.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            schema: SNAPSHOT_SCHEMA,
            name: name.into(),
            phase: Phase::Starting,
            age: Duration::ZERO,
            phases: Vec::new(),
            stop: None,
            components: Vec::new(),
            ended_by_themselves: 0,
        }
    }
}

impl StopSnapshot {
    /// Creates the snapshot of a shutdown that began `elapsed` ago and has `left` until its deadline.
    pub fn new(cause: Cause, elapsed: Duration, left: Duration) -> Self {
        Self { cause, elapsed, left }
    }
}

impl ComponentSnapshot {
    /// Creates the snapshot of a component without work.
    pub fn new(name: impl Into<String>, stage: Stage, state: ComponentState) -> Self {
        Self {
            name: name.into(),
            stage,
            state,
            outcome: None,
            in_flight: 0,
            finished: 0,
            cancelled: 0,
            requeued: 0,
            unsettled: 0,
            redelivered: 0,
            stragglers: Vec::new(),
        }
    }
}
