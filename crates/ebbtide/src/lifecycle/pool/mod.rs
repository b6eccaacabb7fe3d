//! Worker pools over a bounded in-process queue, and tasks that are spawned one by one.

mod crew;
mod options;
mod place;
mod register;
mod rejected;
mod sender;
mod tasks;

pub use options::PoolOptions;
pub use place::Place;
pub use rejected::Rejected;
pub use sender::Pool;
pub use tasks::Tasks;
