//! Misbehaviour on request: each fault is a real one, small and in a file of its own.

mod blocked_runtime;
mod exit_early;
mod fault;
mod ignore_signal;
mod keep_jobs;
mod leak_connection;
mod server;
mod set;
mod slow_close;
mod stuck_worker;

pub use fault::Fault;
pub(crate) use keep_jobs::KeepJobs;
pub(crate) use set::Faults;
pub(crate) use stuck_worker::StuckWorker;
