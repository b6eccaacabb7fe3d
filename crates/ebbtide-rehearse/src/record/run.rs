//! The record of one run: what the clients, the probes, the process table and the stores showed.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LoggedIds, Observed, Outcome, Phase, Recognised, RelayedDependency, Request};
use crate::clock::At;
use crate::words;

/// The record of one run, from the start of the process to what it left behind.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    /// When the service was found to be ready.
    pub ready: At,
    /// When the load began.
    pub load_began: At,
    /// What ran before the stop signal, if something did.
    pub pre_stop: Option<PreStopRun>,
    /// When the stop signal was sent, or when the process ended if it did so during what runs before the signal.
    pub signalled: At,
    /// When a second signal was sent, if one was.
    pub second_signal: Option<At>,
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
    /// The servers that were recognised, the one that advice is sought for first at the beginning.
    pub servers: Vec<Recognised>,
    /// Processes it left behind.
    pub orphans: Vec<Orphan>,
    /// What the clients saw.
    pub traffic: Traffic,
    /// What the readiness probe saw, in order; empty when readiness is a bare port.
    pub readiness: Vec<ReadySample>,
    /// Every poll of the liveness path. Empty without one.
    pub liveness: Vec<ReadySample>,
    /// What the database showed, if one was given.
    pub database: Option<Database>,
    /// What the relays of dependencies saw.
    pub relayed: Vec<RelayedDependency>,
    /// What the demo left in its data folder.
    pub store: Option<Store>,
    /// What else was observed of the service.
    pub observed: Observed,
    /// Which ids of requests its output has, if a request had no response and the output has ids.
    pub logged: Option<LoggedIds>,
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

    /// Returns when the stop began: with what runs before the signal, or else with the signal.
    pub fn stop_began(&self) -> At {
        self.pre_stop.as_ref().map_or(self.signalled, |hook| hook.began)
    }

    /// Returns when `grace` ends: counted from the beginning of the stop, after a preStop hook at least [`LEAST_AFTER_HOOK`] remain; or
    /// counted from the signal, if the hook is no part of it.
    pub(crate) fn deadline(&self, grace: Duration) -> At {
        match &self.pre_stop {
            Some(hook) if !hook.before_grace => (hook.began + grace).max(self.signalled + LEAST_AFTER_HOOK),
            _ => self.signalled + grace,
        }
    }

    /// Returns the name of the event that began the stop.
    pub(crate) fn stop_word(&self) -> &'static str {
        if self.pre_stop.is_some() { "the beginning of preStop" } else { "the signal" }
    }

    /// Formats `at` as a time from the signal: `+37 ms`, or `-2.10 s` before it.
    pub(crate) fn offset(&self, at: At) -> String {
        match at < self.signalled {
            true => format!("-{}", words::time(self.signalled.since(at))),
            false => format!("+{}", words::time(at.since(self.signalled))),
        }
    }

    /// When the last process of the service ended.
    fn last_end(&self) -> Option<At> {
        self.exit.map(|(exit, _)| self.children_until.map_or(exit, |until| until.max(exit)))
    }
}

/// How long the kubelet leaves a container from the stop signal on when its preStop hook has used up the grace period
/// (`minimumGracePeriodInSeconds`).
const LEAST_AFTER_HOOK: Duration = Duration::from_secs(2);

/// A run of what precedes the stop signal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreStopRun {
    /// When it began: the beginning of the stop.
    pub began: At,
    /// When it ended, or was no longer waited for.
    pub ended: At,
    /// How it ended.
    pub end: PreStopEnd,
    /// Whether the grace period begins after it, with the signal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_grace: bool,
}

/// How a preStop hook ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PreStopEnd {
    /// It succeeded.
    Done,
    /// It failed: why.
    Failed(String),
    /// It was still running at the end of the grace period.
    Overran,
    /// The process of the service ended first.
    ServiceEnded,
}

/// What all clients of a run saw.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Traffic {
    /// Every request, in the order in which they ended.
    pub requests: Vec<Request>,
    /// Kept connections that the service closed while idle, before anything was written. Not a loss.
    pub idle_closed: u64,
    /// Kept connections on which the service sent bytes that no request had asked for, before the next one was written. They were not used
    /// again: a client would take such bytes for the response to that request.
    pub unasked: u64,
    /// Of these: after the signal.
    pub unasked_after: u64,
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
/// The same, for a call of gRPC.
pub(crate) const NO_MESSAGE_WITH_MS: &str = "no message with {ms}";

/// The timeout of one poll.
pub(crate) const POLL_LIMIT: Duration = Duration::from_secs(1);

/// One poll of the readiness URL or the liveness path, on a separate connection.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct ReadySample {
    /// When the poll began.
    pub begun: At,
    /// When it was answered.
    pub ended: At,
    /// The result.
    pub state: ReadyState,
}

/// The result of one poll.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyState {
    /// 200 to 399, as for the kubelet.
    Ready,
    /// Another status.
    Red(u16),
    /// The connection was refused; a poll of liveness, also if it was not accepted in time.
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
    /// It is not a child of this process, and the kernel tells only the parent.
    NotObserved,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::NotObserved => f.write_str("exit code not observed"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grace_period_begins_with_the_hook_and_leaves_two_seconds_after_it() {
        let grace = Duration::from_secs(30);
        let mut record = Record { signalled: At(100_000_000), ..Record::default() };
        assert_eq!(record.deadline(grace), At(130_000_000));
        // Without a hook a short period is as short as it is.
        assert_eq!(record.deadline(Duration::from_millis(500)), At(100_500_000));
        for (began, deadline) in
            [(90_000_000, 120_000_000), (72_500_000, 102_500_000), (70_000_000, 102_000_000)]
        {
            let end = PreStopEnd::Done;
            let hook = PreStopRun { began: At(began), ended: record.signalled, end, before_grace: false };
            record.pre_stop = Some(hook.clone());
            assert_eq!(record.deadline(grace), At(deadline));
            // Where it is no part of the period, that is whole.
            record.pre_stop = Some(PreStopRun { before_grace: true, ..hook });
            assert_eq!(record.deadline(grace), At(130_000_000));
        }
    }

    #[test]
    fn a_time_before_the_signal_is_negative() {
        let record = Record { signalled: At(3_000_000), ..Record::default() };
        assert_eq!(record.offset(At(3_037_000)), "+37 ms");
        assert_eq!(record.offset(At(900_000)), "-2.10 s");
    }
}
