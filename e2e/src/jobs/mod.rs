//! Queues under test: where they are, who pushes, who works, and what was done, written down outside of the queue.

mod bed;
mod each;
mod journal;
mod worker;

pub use bed::Bed;
pub use each::on_each;
pub use journal::{Entry, Journal, What, wall_clock};
pub use worker::{Manner, Wish, Worker};
