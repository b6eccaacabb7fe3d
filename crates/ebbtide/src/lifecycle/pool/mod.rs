//! Worker pools over a bounded in-process queue.

mod books;
mod crew;
mod options;
mod register;
mod rejected;
mod sender;

pub use options::PoolOptions;
pub use rejected::Rejected;
pub use sender::Pool;
