use std::time::Duration;

use crate::runtime::Backoff;

/// Says how often, and for how long, something is tried again. A plain [`Backoff`] has no limit but the stop.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ebbtide::Backoff;
/// use ebbtide::lifecycle::Retry;
///
/// let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
/// let retry = Retry::new(backoff).attempts(20).timeout(Duration::from_secs(3));
/// # let _ = retry;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it says how something is tried again, and tries nothing"]
pub struct Retry {
    pub(super) backoff: Backoff,
    pub(super) attempts: Option<u32>,
    pub(super) timeout: Option<Duration>,
}

impl Retry {
    /// Tries again with this backoff, until it works or the stop begins.
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, attempts: None, timeout: None }
    }

    /// Gives up after so many attempts; at least one. Default: never.
    pub fn attempts(mut self, most: u32) -> Self {
        self.attempts = Some(most.max(1));
        self
    }

    /// Takes an attempt that takes longer for one that failed, and drops it. Default: no limit; an address that nobody answers
    /// at may take minutes then.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl From<Backoff> for Retry {
    fn from(backoff: Backoff) -> Self {
        Self::new(backoff)
    }
}
