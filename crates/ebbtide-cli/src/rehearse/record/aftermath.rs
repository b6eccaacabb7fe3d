//! What the service left behind in its stores.

use ebbtide_demo::queue::Left;
use serde::Serialize;

use crate::clock::At;

/// What PostgreSQL saw of the service.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub(crate) struct Database {
    /// By how much `pg_stat_database.sessions_abandoned` grew during the run. `None`: the server has no such count.
    pub(crate) abandoned: Option<i64>,
    /// The most sessions seen at once before the signal.
    pub(crate) most: usize,
    /// The last sample that was complete before the exit, with its moment.
    pub(crate) last: Option<(At, Vec<Session>)>,
    /// The first moment after the signal at which no session was left, when there was one.
    pub(crate) emptied: Option<At>,
    /// Sessions that were still there after the exit.
    pub(crate) left: Vec<Session>,
    /// Why the database could not be observed to the end, if so.
    pub(crate) trouble: Option<String>,
}

/// One session of the service in `pg_stat_activity`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Session {
    /// The backend's process id.
    pub(crate) pid: i32,
    /// `active`, `idle`, `idle in transaction`, ...
    pub(crate) state: String,
    /// The beginning of its last statement.
    pub(crate) query: String,
}

/// What the demo's data folder held after the exit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Store {
    /// The orders, or why they could not be read.
    pub(crate) orders: Result<OrderStore, String>,
    /// The jobs in the queue, or why they could not be counted.
    pub(crate) jobs: Result<Left, String>,
    /// The last line of the log file, or why there is none.
    pub(crate) last_log_line: Result<String, String>,
}

/// The demo's orders after the exit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct OrderStore {
    /// How many there are.
    pub(crate) total: usize,
    /// Ids that are stored and for which no job was pushed.
    pub(crate) stored: Vec<String>,
    /// How many have a job in the queue.
    pub(crate) queued: u64,
    /// Ids that are half-processed.
    pub(crate) processing: Vec<String>,
    /// Ids that were acknowledged with 201 and are not there.
    pub(crate) missing: Vec<String>,
}
