//! The loop over a queue: what takes jobs, runs them, and sees to it that each has one fate.

mod accounts;
mod beat;
mod books;
#[expect(clippy::module_inception, reason = "the loop's handle is what the folder is about")]
mod consumer;
mod crew;
mod fate;
mod heart;
mod job;
mod last_fetch;
mod late;
mod outage;
mod settle;
mod shared;
mod tally;
mod ticket;
mod times;
mod verdict;

pub use consumer::Consumer;
pub use tally::Tally;
