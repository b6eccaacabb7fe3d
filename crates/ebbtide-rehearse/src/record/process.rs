//! What the process table said.

use std::fmt;

use serde::Serialize;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

/// What the process meant to do with the stop signal, read from `/proc/PID/status` before the signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SignalState {
    /// A handler is installed (`SigCgt`).
    pub caught: bool,
    /// Blocked in the main thread (`SigBlk`), as for `signalfd` or `sigwait`.
    pub blocked: bool,
    /// Ignored (`SigIgn`).
    pub ignored: bool,
    /// It is PID 1 of a namespace, where a signal without a handler does nothing.
    pub pid_one: bool,
}

/// A process of the service that was still there after the service had ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Orphan {
    /// Its id.
    pub pid: i32,
    /// Its command name.
    pub name: String,
}
