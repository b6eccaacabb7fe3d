//! A job as its producer pushes it, as its consumer leases it, and as it lies in the table.

use std::time::{Duration, SystemTime};

use ebbtide::queue::{Delivery, JobCounts};

/// A job to be pushed: its payload, and how long to keep it back.
///
/// Whatever is bytes or text becomes one by itself.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ebbtide_sqlx::NewJob;
///
/// let at_once = NewJob::from("order 7");
/// let in_an_hour = NewJob::from("remind order 7").after(Duration::from_secs(3600));
/// # assert_ne!(at_once, in_an_hour);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a job does nothing until it is pushed"]
pub struct NewJob {
    pub(crate) payload: Vec<u8>,
    pub(crate) after: Duration,
}

impl NewJob {
    /// Makes a job that may be delivered at once.
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: payload.into(), after: Duration::ZERO }
    }

    /// Keeps the job back for so long after it was pushed, to the millisecond.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }
}

impl From<Vec<u8>> for NewJob {
    fn from(payload: Vec<u8>) -> Self {
        Self::new(payload)
    }
}

impl From<&[u8]> for NewJob {
    fn from(payload: &[u8]) -> Self {
        Self::new(payload)
    }
}

impl<const N: usize> From<&[u8; N]> for NewJob {
    fn from(payload: &[u8; N]) -> Self {
        Self::new(payload)
    }
}

impl From<String> for NewJob {
    fn from(payload: String) -> Self {
        Self::new(payload)
    }
}

impl From<&str> for NewJob {
    fn from(payload: &str) -> Self {
        Self::new(payload)
    }
}

/// What a job that is a row of a table is settled by: the row, and which of its deliveries this is.
///
/// Each delivery of a job has a number of its own, counted in the row. A settlement is carried out only while the row
/// still has that number, so that whoever's lease ran out cannot settle what somebody else has by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobLease {
    pub(crate) id: i64,
    pub(crate) delivery: i64,
}

impl JobLease {
    /// Returns the job's id, the one that `push` returned.
    pub fn id(&self) -> i64 {
        self.id
    }
}

/// Where a stored job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Nobody has it: it is delivered as soon as its time has come, if it has not. So is one whose lease ran out.
    Waiting,
    /// A consumer has it.
    Leased,
    /// It has failed for good and is kept to be looked at.
    DeadLettered,
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
    pub dead_lettered_at: Option<SystemTime>,
}

/// A row: id, payload, attempts, error, and the times pushed, due and buried in milliseconds since 1970.
pub(crate) type Row = (i64, Vec<u8>, i64, Option<String>, i64, Option<i64>, Option<i64>);

impl From<Row> for StoredJob {
    fn from((id, payload, attempts, error, pushed_at, due_at, dead_lettered_at): Row) -> Self {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let (due_at, dead_lettered_at) = (due_at.map(instant), dead_lettered_at.map(instant));
        Self { id, payload, attempts, error, pushed_at: instant(pushed_at), due_at, dead_lettered_at }
    }
}

/// A row that was leased: id, number of the delivery, attempts, payload.
pub(crate) type Leased = (i64, i64, i64, Vec<u8>);

/// Makes deliveries of what was leased, the oldest first: databases return changed rows in no order.
pub(crate) fn deliveries(mut rows: Vec<Leased>) -> Vec<Delivery<JobLease>> {
    rows.sort_unstable_by_key(|row| row.0);
    rows.into_iter().map(delivery).collect()
}

fn delivery((id, number, attempts, payload): Leased) -> Delivery<JobLease> {
    let attempt = u32::try_from(attempts).unwrap_or(u32::MAX);
    Delivery { receipt: JobLease { id, delivery: number }, id: id.to_string(), payload, attempt }
}

/// Counts as the tables' statements return them: waiting, leased, buried.
pub(crate) fn counts((waiting, leased, dead_lettered): (i64, i64, i64)) -> JobCounts {
    let count = |count| u64::try_from(count).unwrap_or_default();
    JobCounts::new(count(waiting), count(leased), count(dead_lettered))
}

fn instant(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// As the tables keep it. What is longer than a century is a century.
pub(crate) fn millis(duration: Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 24 * 3600 * 1000;
    i64::try_from(duration.as_millis()).map_or(CENTURY, |millis| millis.min(CENTURY))
}

/// As the tables keep it. PostgreSQL's text holds no NUL, SQLite's ends there for some who read it, and nobody's settlement is
/// to fail for another one's error.
pub(crate) fn text(error: &str) -> String {
    error.replace('\0', "\u{FFFD}")
}
