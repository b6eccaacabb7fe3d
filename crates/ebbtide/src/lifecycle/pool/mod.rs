//! Worker pools over a bounded in-process queue.

mod crew;
mod options;
mod place;
mod register;
mod rejected;
mod sender;

pub use options::PoolOptions;
pub use place::Place;
pub use rejected::Rejected;
pub use sender::Pool;
