use std::time::{Duration, SystemTime};

use ebbtide::queue::JobCounts;

/// Where a stored job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Nobody has it: it is delivered as soon as its time has come, if it has not. So is one whose lease ran out.
    Waiting,
    /// A consumer has it.
    Leased,
    /// It has failed for good and is kept to be looked at.
    Buried,
}

/// A job as it lies in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredJob {
    /// Its id.
    pub id: i64,
    /// What the producer sent.
    pub payload: Vec<u8>,
    /// How many attempts were begun, without those that were handed back.
    pub attempts: u32,
    /// Why the last attempt that failed did so.
    pub error: Option<String>,
    /// When it was pushed, by the database's clock, as are the other times.
    pub pushed_at: SystemTime,
    /// From when on it is delivered, or until when it is leased. `None` for one that is buried.
    pub due_at: Option<SystemTime>,
    /// When it was buried.
    pub buried_at: Option<SystemTime>,
}

/// A row: id, payload, attempts, error, and the times pushed, due and buried in milliseconds since 1970.
pub(crate) type Row = (i64, Vec<u8>, i64, Option<String>, i64, Option<i64>, Option<i64>);

impl From<Row> for StoredJob {
    fn from((id, payload, attempts, error, pushed_at, due_at, buried_at): Row) -> Self {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let (due_at, buried_at) = (due_at.map(instant), buried_at.map(instant));
        Self { id, payload, attempts, error, pushed_at: instant(pushed_at), due_at, buried_at }
    }
}

/// Counts as the tables' statements return them: waiting, leased, buried.
pub(crate) fn counts((waiting, leased, buried): (i64, i64, i64)) -> JobCounts {
    let count = |count| u64::try_from(count).unwrap_or_default();
    JobCounts::new(count(waiting), count(leased), count(buried))
}

fn instant(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}
