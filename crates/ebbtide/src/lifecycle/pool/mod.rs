//! Worker pools over a bounded in-process queue, and groups of individually spawned tasks.

mod register;
mod sender;
mod tasks;
mod workers;

pub use register::PoolOptions;
pub use sender::{Place, Pool, Rejected};
pub use tasks::Tasks;
