//! The record of one run.

use serde::Serialize;

use super::{Database, Ended, Orphan, Phase, Request, SignalState, Store};
use crate::clock::At;

/// Everything that was seen in one run, from the start of the process to what it left behind.
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
    /// When we sent SIGKILL because the grace period was over.
    pub killed: Option<At>,
    /// When processes that outlived the service were killed, if any did.
    pub cleaned_up: Option<At>,
    /// What it meant to do with the signal.
    pub signal_state: Option<SignalState>,
    /// Processes it left behind.
    pub orphans: Vec<Orphan>,
    /// What the clients saw.
    pub traffic: Traffic,
    /// What the readiness probe saw, in order; empty when readiness is a bare port.
    pub readiness: Vec<ReadySample>,
    /// What the database saw, when one was named.
    pub database: Option<Database>,
    /// What the demo left in its data folder.
    pub store: Option<Store>,
    /// The service's own report (`EBBTIDE_REPORT`): told beside a finding, never a proof.
    pub report: Option<serde_json::Value>,
}

impl Record {
    /// Whether no process of the service existed at `at`: whoever accepts a connection that is opened then is another program,
    /// which has taken the free port.
    pub fn had_ended(&self, at: At) -> bool {
        let last = match &*self.orphans {
            [] => self.exit.map(|(at, _)| at),
            _ => self.cleaned_up,
        };
        last.is_some_and(|last| at > last)
    }

    /// All of it but the requests and the looks at readiness, which are many.
    pub fn process(&self) -> ProcessRecord<'_> {
        let Self { ready, load_began, signalled, exit, killed, cleaned_up, signal_state, .. } = *self;
        let Self { orphans, database, store, report, .. } = self;
        ProcessRecord {
            ready,
            load_began,
            signalled,
            exit,
            killed,
            cleaned_up,
            signal_state,
            orphans,
            database: database.as_ref(),
            store: store.as_ref(),
            report: report.as_ref(),
        }
    }
}

/// What [`Record::process`] tells, field by field as in [`Record`].
#[derive(Clone, Debug, Serialize)]
pub struct ProcessRecord<'a> {
    pub ready: At,
    pub load_began: At,
    pub signalled: At,
    pub exit: Option<(At, Ended)>,
    pub killed: Option<At>,
    pub cleaned_up: Option<At>,
    pub signal_state: Option<SignalState>,
    pub orphans: &'a [Orphan],
    pub database: Option<&'a Database>,
    pub store: Option<&'a Store>,
    pub report: Option<&'a serde_json::Value>,
}

/// What all clients of a run saw.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Traffic {
    /// Every request, in the order in which they ended.
    pub requests: Vec<Request>,
    /// Kept connections that the service closed while idle, seen before anything was written: no loss.
    pub idle_closed: u64,
    /// Attempts that failed on our side (no free port, no file descriptor), and how the last one did.
    pub trouble: u64,
    /// The last failure on our side.
    pub last_trouble: Option<String>,
    /// When the bound on the number of requests was reached, if it was.
    pub bound_reached: Option<At>,
    /// Why no connection was held in a phase of the protocol, if none was.
    pub no_phases: Option<String>,
    /// The connections held in a phase of the protocol at the signal.
    pub held: Vec<Held>,
}

/// One connection that was to be held in a phase of the protocol.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Held {
    /// The phase.
    pub phase: Phase,
    /// Whether it really was in that phase at the signal; otherwise why not.
    pub held: Result<(), String>,
    /// The service closed it before it had carried a byte of the request: safe to send again.
    pub closed_unused: bool,
}

/// One look at the readiness URL, on a connection of its own.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ReadySample {
    /// When the look began.
    pub begun: At,
    /// When it was answered.
    pub ended: At,
    /// What it saw.
    pub state: ReadyState,
}

/// What one look at the readiness URL saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyState {
    /// 200 to 399, as for the kubelet.
    Ready,
    /// Another status.
    Red(u16),
    /// Nobody listens any more.
    Refused,
    /// The connection ended without an answer, or none came in time.
    NoAnswer,
}
