//! Graceful shutdown, built in: one lifecycle from the first signal handler to the exit code.

pub mod drain;
pub mod model;
mod runtime;
