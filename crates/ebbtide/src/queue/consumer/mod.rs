//! The consumer loop: fetches jobs, runs them, and ensures that each delivery has exactly one outcome.

#[expect(clippy::module_inception, reason = "the loop's handle is what the folder is about")]
mod consumer;
mod deliveries;
mod heartbeat;
mod job;
mod outage;
mod settle;
mod tally;
mod tasks;

pub use consumer::Consumer;
pub use tally::Tally;
