//! A job when it is pushed, leased and stored.

use std::time::{Duration, SystemTime};

use ebbtide::queue::{Delivery, JobCounts};

/// A job to push: its payload and its delay.
///
/// Bytes and text convert into one.
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
    /// Creates a job that may be delivered at once.
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: payload.into(), after: Duration::ZERO }
    }

    /// Delays the delivery by this time after the push, to the millisecond.
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

/// The receipt of a job that is a row of a table: the row, and the number of the delivery.
///
/// Each delivery of a job has a separate number, counted in the row. A settlement takes effect only while the row
/// still has that number, so a consumer whose lease has expired cannot settle a job that another consumer holds.
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

/// The state of a stored job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Not leased: it is delivered when it is due. A job whose lease has expired is in this state as well.
    Waiting,
    /// Leased by a consumer.
    Leased,
    /// Failed for good, and kept for inspection.
    DeadLettered,
}

/// A job as it is stored in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredJob {
    /// The id.
    pub id: i64,
    /// The payload from the producer.
    pub payload: Vec<u8>,
    /// How many attempts were begun, without those of requeued deliveries.
    pub attempts: u32,
    /// The error of the last failed attempt.
    pub error: Option<String>,
    /// When the job was pushed. All times are those of the database's clock.
    pub pushed_at: SystemTime,
    /// When the job becomes due, or until when it is leased. `None` if it is dead-lettered.
    pub due_at: Option<SystemTime>,
    /// When the job was dead-lettered.
    pub dead_lettered_at: Option<SystemTime>,
}

/// A row: id, payload, attempts, error, and the times pushed, due and dead-lettered in milliseconds since 1970.
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

/// Builds deliveries of leased rows, the oldest first: databases return changed rows in no order.
pub(crate) fn deliveries(mut rows: Vec<Leased>) -> Vec<Delivery<JobLease>> {
    rows.sort_unstable_by_key(|row| row.0);
    rows.into_iter().map(delivery).collect()
}

fn delivery((id, number, attempts, payload): Leased) -> Delivery<JobLease> {
    let attempt = u32::try_from(attempts).unwrap_or(u32::MAX);
    Delivery { receipt: JobLease { id, delivery: number }, id: id.to_string(), payload, attempt }
}

/// Converts the counts that the statements return: waiting, leased, dead-lettered.
pub(crate) fn counts((waiting, leased, dead_lettered): (i64, i64, i64)) -> JobCounts {
    let count = |count| u64::try_from(count).unwrap_or_default();
    JobCounts::new(count(waiting), count(leased), count(dead_lettered))
}

fn instant(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Converts to the unit of the tables. More than a century becomes a century.
pub(crate) fn millis(duration: Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 24 * 3600 * 1000;
    i64::try_from(duration.as_millis()).map_or(CENTURY, |millis| millis.min(CENTURY))
}

/// Replaces NUL, which PostgreSQL rejects in text and at which some readers of SQLite stop. One job's error must not
/// make the settlements of the same batch fail.
pub(crate) fn text(error: &str) -> String {
    error.replace('\0', "\u{FFFD}")
}
