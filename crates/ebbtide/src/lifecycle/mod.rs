//! What the user holds: the builder, the handle, and the ways to register components.

mod assemble;
mod books;
mod builder;
mod check;
mod context;
mod environment;
mod handle;
mod handle_of;
mod holding;
mod hook;
mod into_result;
mod options;
mod pool;
mod resource;
mod retry;
mod run;
mod signal;
mod taken;
mod task;
mod temporary;
mod ticker;

#[cfg(any(feature = "testing", feature = "http"))]
pub(crate) use assemble::{Assembled, Surroundings};
pub use builder::Lifecycle;
pub use context::Context;
pub use environment::EnvironmentError;
#[cfg(feature = "http")]
pub(crate) use environment::apply as apply_environment;
pub use handle::Handle;
pub(crate) use handle_of::boxed;
pub use handle_of::{HandleOf, LifecycleOf};
pub use holding::Held;
pub use into_result::IntoResult;
pub use pool::{Place, Pool, PoolOptions, Rejected, Tasks};
pub use retry::{Retry, RetryError};
pub use run::NotStarted;
pub use signal::Signal;
#[cfg(feature = "http")]
pub(crate) use taken::Taken;
#[cfg(feature = "cron")]
pub use ticker::CronError;
pub use ticker::{Every, OnError};
