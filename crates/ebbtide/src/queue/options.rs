use std::num::NonZeroUsize;
use std::time::Duration;

use crate::util::Backoff;

/// Sets up a consumer. A plain number, how many jobs run side by side, is enough.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ebbtide::Backoff;
/// use ebbtide::queue::ConsumeOptions;
///
/// let minutes = Backoff::new(Duration::from_secs(10), Duration::from_secs(600));
/// let options = ConsumeOptions::new(20).attempts(5).backoff(minutes);
/// assert_ne!(options, ConsumeOptions::from(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumeOptions {
    pub(super) concurrency: usize,
    pub(super) attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) requeue: Duration,
}

impl ConsumeOptions {
    /// Runs up to `concurrency` jobs side by side, at least one.
    pub fn new(concurrency: usize) -> Self {
        Self {
            concurrency: concurrency.max(1),
            attempts: 10,
            backoff: Backoff::default(),
            requeue: Duration::from_millis(500),
        }
    }

    /// Sets how often a job is tried, at least once, before it is buried. Default: 10, which with the default backoff takes four
    /// to nine minutes: longer than a restart or a failover of what the job needs.
    ///
    /// An attempt that ended with its process counts as well. A job that was begun so often and never told how it
    /// ended is buried without being begun once more: it may be what ends the process.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets how long a job waits after an attempt that failed. Default: [`Backoff::default`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how long before its deadline the consumer begins to hand back what still runs. Default: 500 ms.
    ///
    /// It is never more than a quarter of the time that the stop gives.
    #[must_use]
    pub fn requeue(mut self, time: Duration) -> Self {
        self.requeue = time;
        self
    }
}

impl From<usize> for ConsumeOptions {
    fn from(concurrency: usize) -> Self {
        Self::new(concurrency)
    }
}

impl From<NonZeroUsize> for ConsumeOptions {
    fn from(concurrency: NonZeroUsize) -> Self {
        Self::new(concurrency.get())
    }
}
