//! A small order service, written the way a service is written with Ebbtide.
//!
//! [`run()`] is the whole program; begin reading there. `POST /orders` stores an order and pushes a job for it to a queue on
//! the selected broker. A consumer processes the job. However the service is stopped, each order that was answered with 201 is
//! processed once: by this process, or by the next one, for which its job is queued. While the broker does not respond, orders
//! are stored and answered with 202; their jobs are pushed when it responds again. `--fault` injects a fault, to show which
//! mechanism handles it.

// Times come from outside, and a panic in the arithmetic on them would lose the shutdown. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod args;
mod data;
#[cfg(test)]
mod error_form;
mod faults;
mod orders;
pub mod queue;
mod routes;
mod run;
mod store;

pub use args::{Args, MissingFeature};
pub use faults::Fault;
pub use run::run;
pub use store::order_states;
