//! What is to be rehearsed: values only, decided before anything runs.

mod demo;
mod load;
mod moment;
mod plan;
mod stop;
mod target;

pub(crate) use demo::{BadDemo, check_demo, demo_program, queue_of};
pub(crate) use load::{Fitted, LoadPlan, SHORT_THINK, ShapePlan, Span};
pub(crate) use moment::{run_seed, signal_moment};
pub(crate) use plan::{Program, Ready, Scenario};
pub(crate) use stop::{Expected, StopPlan, StopSignal, signal_name};
pub(crate) use target::{Route, Target};
