//! How the service runs: the options beside its command and its readiness.

use clap::Args;

use super::args::SERVICE;
use super::values::pid;

/// How the service runs.
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    /// Run the service as PID 1, as in a container
    ///
    /// It gets a PID namespace of its own, and a /proc for it where the system permits one. As PID 1 a signal without a handler does nothing: a
    /// shell without a trap runs on until SIGKILL. When it ends, the kernel kills every process that it started. Requires root,
    /// or user namespaces.
    #[arg(long, help_heading = SERVICE)]
    pub(super) pid1: bool,

    /// Rehearse a service that runs already, by its process id
    ///
    /// Its listener is found in /proc, and it gets the signal. Only its parent learns its exit code, and its output is not read: what needs
    /// them is inconclusive. It is signalled once, and not ended if the rehearsal is interrupted.
    #[arg(
        long,
        help_heading = SERVICE,
        value_name = "PID",
        value_parser = pid,
        allow_hyphen_values = true,
        conflicts_with_all = ["command", "demo", "init", "pid1", "compare", "repeat", "until_failure"],
    )]
    pub(super) attach: Option<i32>,
}
