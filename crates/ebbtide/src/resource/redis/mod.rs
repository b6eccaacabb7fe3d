//! Redis.

mod blocking;
mod life;

pub use blocking::BlockingReads;
