//! The lifecycle: its builder, its handle, and the methods that register components.

mod assemble;
mod builder;
mod check;
mod counters;
mod environment;
mod handle;
mod handle_of;
mod hook;
mod pool;
mod refusal;
mod resource;
mod retry;
mod run;
mod task;
mod temporary;
mod ticker;
mod unknown_variables;

#[cfg(any(feature = "testing", feature = "http"))]
pub(crate) use assemble::{Assembled, RunEnvironment};
#[cfg(feature = "http")]
pub(crate) use builder::Taken;
pub use builder::{Lifecycle, Signal};
pub use environment::EnvironmentError;
#[cfg(feature = "http")]
pub(crate) use environment::apply as apply_environment;
pub use handle::{Context, Handle};
pub(crate) use handle_of::boxed;
pub use handle_of::{HandleOf, IntoResult, LifecycleOf};
pub use pool::{Place, Pool, PoolOptions, Rejected, Tasks};
#[cfg(feature = "axum")]
pub(crate) use refusal::Refusal;
pub use resource::Held;
pub use retry::{Retry, RetryError};
pub use run::NotStarted;
#[cfg(feature = "cron")]
pub use ticker::CronError;
pub use ticker::{Every, OnError};
#[cfg(feature = "http")]
pub(crate) use unknown_variables::warn_of_unknown_variables;
