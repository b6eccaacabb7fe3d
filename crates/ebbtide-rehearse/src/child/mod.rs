//! The service as a process: started in isolation, watched, and always ended; or one that was running.

mod accept_queues;
mod aftermath;
mod attached;
mod descendants;
mod exec;
mod exec_failure;
mod hook;
mod listening;
mod owners;
mod pid_one;
mod proc;
mod programs;
mod service;
mod signal;

pub use attached::{AttachError, NotAttached};
pub use exec_failure::ExecFailure;
pub use service::StartError;

pub(crate) use accept_queues::{AcceptQueues, QueueSeen};
pub(crate) use aftermath::remaining;
pub(crate) use descendants::{Family, adopt_orphans, exclude};
pub(crate) use hook::Hook;
pub(crate) use owners::owners;
pub(crate) use proc::{bound_paths, listeners, signal_state};
pub(crate) use programs::{ServiceProgram, programs};
pub(crate) use service::{Service, tail};
pub(crate) use signal::as_sent;
