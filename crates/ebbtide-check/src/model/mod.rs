//! What a shutdown depends on, the same for every platform. Rules read only this.

mod command;
mod container;
mod declared;
mod disruption;
mod ecs;
mod engine;
mod platform;
mod prestop;
mod probe;
mod project;
mod rollout;
mod route;
mod signal;
mod slot;
mod spelling;
mod time;
mod unit;
mod workload;

pub(crate) use command::{Command, Init, Word, base_name};
pub(crate) use container::{
    Build, BuiltCommand, Container, Copied, Role, ServerFile, Variable, VariableSource, repository,
};
pub(crate) use declared::{Declared, is_variable};
pub(crate) use disruption::{Allowed, Disruption, NodeShutdown};
pub(crate) use ecs::{Service, TargetGroup};
pub(crate) use engine::{KamalProxy, KamalRole, Played, Quadlet};
pub(crate) use platform::Platform;
pub(crate) use prestop::{PreStop, PreStopAction};
pub(crate) use probe::{Handler, Probe};
pub(crate) use project::Project;
pub(crate) use rollout::{Amount, Rollout};
pub(crate) use route::{Route, RouteKind};
pub(crate) use signal::signal_name;
pub(crate) use slot::{Slot, SlotPlace};
pub(crate) use spelling::{Spelling, batch_words};
pub(crate) use time::{UNBOUNDED, go_duration, number, seconds, show, whole_seconds};
pub(crate) use unit::Unit;
pub(crate) use workload::{Annotation, Drain, Workload};
