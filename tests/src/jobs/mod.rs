//! Queues under test: their location, their producer and their workers, which record what they did in a file outside of the queue.

mod bed;
mod worker;

pub use bed::{Bed, on_each};
pub use worker::{Entry, Journal, Manner, What, Wish, Worker, wall_clock};
