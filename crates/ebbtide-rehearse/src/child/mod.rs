//! The service as a process: started apart, watched, and never left behind.

mod descendants;
mod exec;
mod proc;
mod service;

pub(crate) use descendants::{adopt_orphans, end_descendants, exclude, survivors};
pub(crate) use proc::{listeners, signal_state};
pub(crate) use service::{Service, StartError, tail};
