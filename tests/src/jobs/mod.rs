//! Queues under test: where they are, who pushes, who works, and what was done, written down outside of the queue.

mod bed;
mod worker;

pub use bed::{Bed, on_each};
pub use worker::{Entry, Journal, Manner, What, Wish, Worker, wall_clock};
