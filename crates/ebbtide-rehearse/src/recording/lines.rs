//! The lines of a record.
//!
//! | line | when |
//! |---|---|
//! | `record` | the first one: the version, and what was rehearsed |
//! | `terms` | begins a run: the terms by which it is judged |
//! | `request`, `readiness`, `liveness`, `held` | one for each request, each poll of the readiness URL and of the liveness path, each connection held in a phase |
//! | `traffic`, `process` | one of each for a run: what the clients counted, and what became visible of the process |
//! | `judged` | ends a run, and counts its lines |
//! | `end` | the last one: the verdict |

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::At;
use crate::record::{
    Database, Ended, Endpoint, LoggedIds, Observed, Orphan, PreStopRun, Recognised, Record,
    RelayedDependency, Shape, SignalState, Store, Traffic,
};
use crate::scenario::{Expected, SecondSignal, StopAt, StopSignal};
use crate::verdict::{Terms, Verdict};

/// The version of the format. It is raised when a line is removed, or its meaning changes.
pub const RECORD_VERSION: u32 = 1;

/// The first line: what was rehearsed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordHeader {
    /// The version of the format, [`RECORD_VERSION`].
    pub version: u32,
    /// The program that wrote the record.
    pub program: String,
    /// The command line of the service.
    pub command: String,
    /// The seed of the times.
    pub seed: u64,
    /// The number of runs that were asked for.
    pub repeat: u32,
    /// Whether an inconclusive verdict fails.
    pub strict: bool,
}

/// The number of a line's run, if it belongs to one, and its event.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Tag<'a> {
    pub(super) run: Option<u32>,
    pub(super) event: &'a str,
}

/// A line as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<u32>,
    pub(super) event: &'static str,
    #[serde(flatten)]
    pub(super) what: &'a T,
}

/// The terms of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct TermsLine {
    signal: String,
    grace: At,
    expected: Vec<Ended>,
    require_readiness: bool,
    readiness: Option<(Endpoint, String)>,
    // Absent in a record of an earlier version.
    #[serde(default)]
    liveness: Option<(Endpoint, String)>,
    // Absent in a record of an earlier version.
    #[serde(default)]
    state_page: Option<(Endpoint, String)>,
    allow_status: Vec<u16>,
    expect_status: Vec<u16>,
    shapes: Vec<Shape>,
    phases: bool,
    store: bool,
    // Absent in a record of an earlier version.
    #[serde(default)]
    at: StopAt,
    #[serde(default)]
    min_lame_duck: At,
    /// The name of the second signal, and its time from the first.
    #[serde(default)]
    then: Option<(String, At)>,
    #[serde(default)]
    to_all: bool,
    #[serde(default)]
    in_container: bool,
}

impl From<&Terms> for TermsLine {
    fn from(terms: &Terms) -> Self {
        Self {
            signal: terms.signal.name(),
            grace: At::default() + terms.grace,
            expected: terms.expected.iter().map(|expected| expected.0).collect(),
            require_readiness: terms.require_readiness,
            readiness: terms.readiness.clone(),
            liveness: terms.liveness.clone(),
            state_page: terms.state_page.clone(),
            allow_status: terms.allow_status.clone(),
            expect_status: terms.expect_status.clone(),
            shapes: terms.shapes.clone(),
            phases: terms.phases,
            store: terms.store,
            at: terms.at,
            min_lame_duck: At::default() + terms.min_lame_duck,
            then: terms.then.map(|then| (then.signal.name(), At::default() + then.after)),
            to_all: terms.to_all,
            in_container: terms.in_container,
        }
    }
}

impl TermsLine {
    /// Returns the terms, or the name of a signal that is not known.
    pub(super) fn terms(self) -> Result<Terms, String> {
        let signal = |name: String| StopSignal::parse(&name).map_err(|_| name);
        let then = |(name, after): (String, At)| {
            Ok::<_, String>(SecondSignal { signal: signal(name)?, after: Duration::from_micros(after.0) })
        };
        Ok(Terms {
            signal: signal(self.signal)?,
            grace: Duration::from_micros(self.grace.0),
            expected: self.expected.into_iter().map(Expected).collect(),
            require_readiness: self.require_readiness,
            readiness: self.readiness,
            liveness: self.liveness,
            state_page: self.state_page,
            allow_status: self.allow_status,
            expect_status: self.expect_status,
            shapes: self.shapes,
            phases: self.phases,
            store: self.store,
            at: self.at,
            min_lame_duck: Duration::from_micros(self.min_lame_duck.0),
            then: self.then.map(then).transpose()?,
            to_all: self.to_all,
            in_container: self.in_container,
        })
    }
}

/// What the clients counted beside their requests.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct TrafficLine {
    idle_closed: u64,
    #[serde(default)]
    unasked: u64,
    #[serde(default)]
    unasked_after: u64,
    trouble: u64,
    last_trouble: Option<String>,
    bound_reached: Option<At>,
    no_phases: Option<String>,
}

impl From<&Traffic> for TrafficLine {
    fn from(traffic: &Traffic) -> Self {
        Self {
            idle_closed: traffic.idle_closed,
            unasked: traffic.unasked,
            unasked_after: traffic.unasked_after,
            trouble: traffic.trouble,
            last_trouble: traffic.last_trouble.clone(),
            bound_reached: traffic.bound_reached,
            no_phases: traffic.no_phases.clone(),
        }
    }
}

impl TrafficLine {
    pub(super) fn restore(self, traffic: &mut Traffic) {
        let Self { idle_closed, unasked, unasked_after, trouble, last_trouble, bound_reached, no_phases } =
            self;
        *traffic = Traffic {
            idle_closed,
            unasked,
            unasked_after,
            trouble,
            last_trouble,
            bound_reached,
            no_phases,
            ..std::mem::take(traffic)
        };
    }
}

/// The process, and what it left: a [`Record`] without what has lines of its own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct ProcessLine {
    ready: At,
    load_began: At,
    #[serde(default)]
    pre_stop: Option<PreStopRun>,
    signalled: At,
    #[serde(default)]
    second_signal: Option<At>,
    exit: Option<(At, Ended)>,
    killed: Option<At>,
    cleaned_up: Option<At>,
    children_until: Option<At>,
    children_listened: Vec<String>,
    signal_state: Option<SignalState>,
    /// Absent in older records.
    #[serde(default)]
    servers: Vec<Recognised>,
    orphans: Vec<Orphan>,
    database: Option<Database>,
    /// Absent in older records.
    #[serde(default)]
    relayed: Vec<RelayedDependency>,
    store: Option<Store>,
    /// Absent in older records.
    #[serde(default)]
    observed: Observed,
    /// Absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logged: Option<LoggedIds>,
    report: Option<serde_json::Value>,
}

impl From<&Record> for ProcessLine {
    fn from(record: &Record) -> Self {
        Self {
            ready: record.ready,
            load_began: record.load_began,
            pre_stop: record.pre_stop.clone(),
            signalled: record.signalled,
            second_signal: record.second_signal,
            exit: record.exit,
            killed: record.killed,
            cleaned_up: record.cleaned_up,
            children_until: record.children_until,
            children_listened: record.children_listened.clone(),
            signal_state: record.signal_state,
            servers: record.servers.clone(),
            orphans: record.orphans.clone(),
            database: record.database.clone(),
            relayed: record.relayed.clone(),
            store: record.store.clone(),
            observed: record.observed.clone(),
            logged: record.logged.clone(),
            report: record.report.clone(),
        }
    }
}

impl ProcessLine {
    pub(super) fn restore(self, record: &mut Record) {
        *record = Record {
            ready: self.ready,
            load_began: self.load_began,
            pre_stop: self.pre_stop,
            signalled: self.signalled,
            second_signal: self.second_signal,
            exit: self.exit,
            killed: self.killed,
            cleaned_up: self.cleaned_up,
            children_until: self.children_until,
            children_listened: self.children_listened,
            signal_state: self.signal_state,
            servers: self.servers,
            orphans: self.orphans,
            traffic: std::mem::take(&mut record.traffic),
            readiness: std::mem::take(&mut record.readiness),
            liveness: std::mem::take(&mut record.liveness),
            database: self.database,
            relayed: self.relayed,
            store: self.store,
            observed: self.observed,
            logged: self.logged,
            report: self.report,
        };
    }
}

/// The end of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct JudgedLine {
    pub(super) verdict: Verdict,
    pub(super) output_tail: Vec<String>,
    /// The number of lines between `terms` and this one: a missing request could hide a loss.
    pub(super) lines: u64,
}

/// The end of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct EndLine {
    pub(super) verdict: Verdict,
    pub(super) runs: u32,
}
