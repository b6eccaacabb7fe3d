//! The record of one run: what the clients, the probes, the process table and the stores showed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Outcome, Phase, Request};
use crate::clock::At;

/// The record of one run, from the start of the process to what it left behind.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    /// When the service was found to be ready.
    pub ready: At,
    /// When the load began.
    pub load_began: At,
    /// When the stop signal was sent.
    pub signalled: At,
    /// When and how the process ended.
    pub exit: Option<(At, Ended)>,
    /// When the rehearsal sent SIGKILL because the grace period was exceeded.
    pub killed: Option<At>,
    /// When processes that outlived the service were killed, if any did.
    pub cleaned_up: Option<At>,
    /// When the last process of the service that outlived it was gone, if any did.
    pub children_until: Option<At>,
    /// The addresses on which processes that outlived the service listened.
    pub children_listened: Vec<String>,
    /// How the process handles the stop signal, as `/proc` showed.
    pub signal_state: Option<SignalState>,
    /// Processes it left behind.
    pub orphans: Vec<Orphan>,
    /// What the clients saw.
    pub traffic: Traffic,
    /// What the readiness probe saw, in order; empty when readiness is a bare port.
    pub readiness: Vec<ReadySample>,
    /// What the database showed, if one was given.
    pub database: Option<Database>,
    /// What the demo left in its data folder.
    pub store: Option<Store>,
    /// The service's report (`EBBTIDE_REPORT`): shown beside a finding, never used as proof.
    pub report: Option<serde_json::Value>,
}

impl Record {
    /// Returns whether no process of the service existed at `at`. A connection that is opened then is accepted by another program,
    /// which has bound the free port.
    pub fn had_ended(&self, at: At) -> bool {
        self.last_end().is_some_and(|last| at > last)
    }

    /// Returns when the outcome of `request` could be read: when it was read, but at the latest when the last process of the service
    /// ended. What is read after that was in the client's socket by then.
    pub fn readable_at(&self, request: &Request) -> At {
        let is_read =
            !matches!(request.outcome, Outcome::Refused | Outcome::ConnectTimeout | Outcome::TimedOut)
                && !self.had_ended(request.opened);
        match self.last_end() {
            Some(last) if is_read => request.ended.min(last).max(request.begun),
            _ => request.ended,
        }
    }

    /// As [`readable_at`](Self::readable_at), for a poll of the readiness URL.
    pub(crate) fn poll_readable_at(&self, look: &ReadySample) -> At {
        match (look.state, self.last_end()) {
            (ReadyState::Ready | ReadyState::Red(_), Some(last)) => look.ended.min(last).max(look.begun),
            _ => look.ended,
        }
    }

    /// When the last process of the service ended.
    fn last_end(&self) -> Option<At> {
        self.exit.map(|(exit, _)| self.children_until.map_or(exit, |until| until.max(exit)))
    }
}

/// What all clients of a run saw.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Traffic {
    /// Every request, in the order in which they ended.
    pub requests: Vec<Request>,
    /// Kept connections that the service closed while idle, before anything was written. Not a loss.
    pub idle_closed: u64,
    /// Attempts that failed on the client side (no free port, no file descriptor).
    pub trouble: u64,
    /// The last failure on the client side.
    pub last_trouble: Option<String>,
    /// When the maximum number of requests was reached, if it was.
    pub bound_reached: Option<At>,
    /// Why no connection was held in a phase of the protocol, if none was.
    pub no_phases: Option<String>,
    /// The connections held in a phase of the protocol at the signal.
    pub held: Vec<HeldConnection>,
}

/// One connection that was to be held in a phase of the protocol.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HeldConnection {
    /// The phase.
    pub phase: Phase,
    /// `Ok` if it was in that phase at the signal; otherwise the reason why not.
    pub held: Result<(), String>,
    /// The service closed it before it had carried a byte of the request: a retry is safe.
    pub closed_unused: bool,
}

/// Why half a body cannot be held.
pub(crate) const NO_POST_ROUTE: &str = "no POST route";
/// Why no answer can be awaited.
pub(crate) const NO_ROUTE_WITH_MS: &str = "no route with {ms}";

/// One poll of the readiness URL, on a separate connection.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct ReadySample {
    /// When the poll began.
    pub begun: At,
    /// When it was answered.
    pub ended: At,
    /// The result.
    pub state: ReadyState,
}

/// The result of one poll of the readiness URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyState {
    /// 200 to 399, as for the kubelet.
    Ready,
    /// Another status.
    Red(u16),
    /// The connection was refused.
    Refused,
    /// The connection ended without an answer, or none came in time, or it was a gRPC status.
    NoAnswer,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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

/// How the process handles the stop signal, read from `/proc/PID/status` before the signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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

/// A process of the service that was still running after the service had ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Orphan {
    /// Its id.
    pub pid: i32,
    /// Its command name.
    pub name: String,
}

/// What PostgreSQL showed of the service.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Database {
    /// By how much `pg_stat_database.sessions_abandoned` grew during the run. `None`: the server has no such count.
    pub abandoned: Option<i64>,
    /// The most sessions seen at once before the signal.
    pub most: usize,
    /// The last sample that was complete before the exit, with its time.
    pub last: Option<(At, Vec<Session>)>,
    /// The first time after the signal at which no session was left, if any.
    pub emptied: Option<At>,
    /// Sessions that still existed after the exit.
    pub left: Vec<Session>,
    /// Why the database could not be observed to the end, if so.
    pub trouble: Option<String>,
}

/// One session of the service in `pg_stat_activity`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The backend's process id.
    pub pid: i32,
    /// `active`, `idle`, `idle in transaction`, ...
    pub state: String,
    /// The beginning of its last statement.
    pub query: String,
}

/// What a managed service had left in its stores after the exit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Store {
    /// The orders, or why they could not be read.
    pub orders: Result<OrderStore, String>,
    /// The jobs in the queue, or why they could not be counted.
    pub jobs: Result<JobsLeft, String>,
    /// The last line of the log file, or why there is none.
    pub last_log_line: Result<String, String>,
}

/// The jobs in a queue after the exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct JobsLeft {
    /// Jobs that are not leased.
    pub waiting: u64,
    /// Jobs that are leased by a consumer, which may have exited; `None` if the broker does not report them.
    pub leased: Option<u64>,
    /// Dead-lettered jobs.
    pub dead_lettered: u64,
}

/// The orders after the exit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OrderStore {
    /// How many there are.
    pub total: usize,
    /// Ids that are stored and for which no job was pushed.
    pub stored: Vec<String>,
    /// How many have a job in the queue.
    pub queued: u64,
    /// Ids that are half-processed.
    pub processing: Vec<String>,
    /// Ids that were acknowledged with 201 but are missing.
    pub missing: Vec<String>,
}
