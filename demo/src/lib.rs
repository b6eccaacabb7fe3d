//! A small order service, written the way a service is written with Ebbtide.
//!
//! [`run()`] is the whole program; begin reading there. `POST /orders` stores an order, a worker pool works it off, and
//! however the service is stopped, each order that was answered with 201 is worked off: by this process after a
//! graceful stop, by the next one after a crash. `--fault` makes the service misbehave, so that one can see what
//! catches it.

mod args;
mod data;
mod faults;
mod listen;
mod log;
mod orders;
pub mod queue;
mod routes;
mod run;
mod store;

pub use args::Args;
pub use faults::Fault;
pub use run::run;
