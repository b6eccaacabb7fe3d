//! The service as a process: started in isolation, watched, and always ended.

mod descendants;
mod exec;
mod proc;
mod service;

pub(crate) use descendants::{adopt_orphans, end_descendants, exclude, survivors};
pub(crate) use proc::{listeners, signal_state};
pub(crate) use service::{Service, StartError, tail};
