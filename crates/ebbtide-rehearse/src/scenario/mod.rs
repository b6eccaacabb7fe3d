//! What is to be rehearsed: values only, decided before anything runs.

mod load;
mod managed;
mod moment;
mod plan;
mod stop;
mod target;

pub use load::{Fitted, LoadPlan, SHORT_THINK, ShapePlan, Span};
pub use managed::{BoxFuture, ManagedService, RunPlace, ServiceStore, SetUp};
pub(crate) use moment::{run_seed, signal_moment};
pub use plan::{Program, Ready, Scenario};
pub(crate) use stop::signal_name;
pub use stop::{Expected, StopPlan, StopSignal};
pub use target::{Route, Target};
