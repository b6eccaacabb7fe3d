use std::num::NonZeroUsize;
use std::time::Duration;

use crate::util::Backoff;

/// The options of a consumer. Converts from a plain number, the maximum of concurrent jobs.
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
    /// Creates options for up to `concurrency` concurrent jobs, at least one.
    pub fn new(concurrency: usize) -> Self {
        Self {
            concurrency: concurrency.max(1),
            attempts: 10,
            backoff: Backoff::default(),
            requeue: Duration::from_millis(500),
        }
    }

    /// Sets the maximum number of attempts, at least one, before a job is dead-lettered. Default: 10. With the default backoff,
    /// ten attempts take four to nine minutes, longer than a restart or a failover of a dependency.
    ///
    /// An attempt that ended with its process is counted. A job whose attempts are used up without a result is dead-lettered
    /// without another attempt: it may be what crashes the process.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the delay after a failed attempt. Default: [`Backoff::default`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how long before its deadline the consumer starts to requeue running jobs. Default: 500 ms.
    ///
    /// It is limited to a quarter of the time that the consumer has to stop.
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
