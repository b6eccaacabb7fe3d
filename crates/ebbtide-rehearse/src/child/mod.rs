//! The service as a process: started apart, watched, and never left behind.

mod exec;
mod family;
mod listeners;
mod output;
mod proc_status;
mod service;

pub(crate) use family::{adopt_orphans, end_family, ours, survivors};
pub(crate) use listeners::listeners;
pub(crate) use output::tail;
pub(crate) use proc_status::signal_state;
pub(crate) use service::{Service, StartError};
