//! What the user holds: the builder, the handle, and the ways to register components.

mod builder;
mod context;
mod environment;
mod hook;
mod life;
mod options;
mod pool;
mod resource;
mod run;
mod signal;
mod task;
mod ticker;

pub use builder::Lifecycle;
pub use context::Context;
pub use environment::EnvironmentError;
#[cfg(feature = "http")]
pub(crate) use environment::apply as apply_environment;
pub use life::Life;
pub use pool::{Pool, PoolOptions, Rejected};
pub use signal::Signal;
