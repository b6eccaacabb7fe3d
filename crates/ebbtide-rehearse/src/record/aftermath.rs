//! What the service left behind in its stores.

use serde::Serialize;

use crate::clock::At;

/// What PostgreSQL saw of the service.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Database {
    /// By how much `pg_stat_database.sessions_abandoned` grew during the run. `None`: the server has no such count.
    pub abandoned: Option<i64>,
    /// The most sessions seen at once before the signal.
    pub most: usize,
    /// The last sample that was complete before the exit, with its moment.
    pub last: Option<(At, Vec<Session>)>,
    /// The first moment after the signal at which no session was left, when there was one.
    pub emptied: Option<At>,
    /// Sessions that were still there after the exit.
    pub left: Vec<Session>,
    /// Why the database could not be observed to the end, if so.
    pub trouble: Option<String>,
}

/// One session of the service in `pg_stat_activity`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Session {
    /// The backend's process id.
    pub pid: i32,
    /// `active`, `idle`, `idle in transaction`, ...
    pub state: String,
    /// The beginning of its last statement.
    pub query: String,
}

/// What a managed service had left in its stores after the exit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Store {
    /// The orders, or why they could not be read.
    pub orders: Result<OrderStore, String>,
    /// The jobs in the queue, or why they could not be counted.
    pub jobs: Result<JobsLeft, String>,
    /// The last line of the log file, or why there is none.
    pub last_log_line: Result<String, String>,
}

/// The jobs in a queue after the exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct JobsLeft {
    /// Jobs that no consumer has.
    pub waiting: u64,
    /// Jobs that a consumer has, or had when it ended; `None` where the broker does not tell.
    pub leased: Option<u64>,
    /// Jobs that failed for good.
    pub buried: u64,
}

/// The orders after the exit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct OrderStore {
    /// How many there are.
    pub total: usize,
    /// Ids that are stored and for which no job was pushed.
    pub stored: Vec<String>,
    /// How many have a job in the queue.
    pub queued: u64,
    /// Ids that are half-processed.
    pub processing: Vec<String>,
    /// Ids that were acknowledged with 201 and are not there.
    pub missing: Vec<String>,
}
