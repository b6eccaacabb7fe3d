use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, ComponentState, Outcome, Phase, PhaseChange, Stage, Straggler};

/// The version of the snapshot's JSON. It changes when a field is removed or changes its meaning.
pub const SNAPSHOT_SCHEMA: u32 = 1;

/// Tells how far a lifecycle is at one moment: what the debug view shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of this structure, [`SNAPSHOT_SCHEMA`].
    pub schema: u32,
    /// The lifecycle's name.
    pub name: String,
    /// The phase.
    pub phase: Phase,
    /// How long the lifecycle has lived.
    #[serde(rename = "age_ms", with = "super::millis")]
    pub age: Duration,
    /// When each phase began.
    pub phases: Vec<PhaseChange>,
    /// The stop, once one has begun.
    pub stop: Option<StopSnapshot>,
    /// Each component, in the order of registration. Those that ended by themselves are only counted, in `ended_by_themselves`.
    pub components: Vec<ComponentSnapshot>,
    /// How many components that may end by themselves (`Handle::once`) did so without an error before they were asked to stop.
    #[serde(default)]
    pub ended_by_themselves: u64,
}

/// Tells how far a stop is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StopSnapshot {
    /// Why it began.
    pub cause: Cause,
    /// How long ago.
    #[serde(rename = "elapsed_ms", with = "super::millis")]
    pub elapsed: Duration,
    /// How long until the process is gone, whatever happens.
    #[serde(rename = "left_ms", with = "super::millis")]
    pub left: Duration,
}

/// Tells how far one component is, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentSnapshot {
    /// The component's name.
    pub name: String,
    /// The stage it stops in.
    pub stage: Stage,
    /// How far its end is.
    pub state: ComponentState,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    /// What it holds now.
    pub in_flight: u64,
    /// What it has finished since it began.
    pub finished: u64,
    /// What was ended before it finished, since it began.
    pub cancelled: u64,
    /// How many jobs it has handed back, for somebody else to do.
    pub requeued: usize,
    /// How many jobs were neither finished nor handed back, because whoever is to be told did not answer.
    pub unsettled: usize,
    /// How many jobs were no longer its own when they had finished, since it began: somebody else does them again.
    #[serde(default)]
    pub redelivered: u64,
    /// What it holds now, oldest first; at most [`Straggler::SHOWN`].
    pub stragglers: Vec<Straggler>,
}

impl Snapshot {
    /// Makes a snapshot of a lifecycle without components that has just begun.
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
    /// Makes a snapshot of a stop that began `elapsed` ago and has `left`.
    pub fn new(cause: Cause, elapsed: Duration, left: Duration) -> Self {
        Self { cause, elapsed, left }
    }
}

impl ComponentSnapshot {
    /// Makes a snapshot of a component that holds nothing.
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
