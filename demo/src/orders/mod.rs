//! What an order is, and how it is worked off.

mod job;
mod order;
mod resume;
mod worker;

pub(crate) use job::Job;
pub(crate) use order::{Counts, NewOrder, Order, State};
pub(crate) use resume::resume;
pub(crate) use worker::Worker;
