//! What an order is, how it is taken in, and how it is worked off.

mod intake;
mod order;
mod worker;

pub(crate) use intake::{Intake, Taken, Taking};
pub(crate) use order::{Counts, NewOrder, Order, State};
pub(crate) use worker::Worker;
