use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::clock;

/// An exponential backoff with jitter.
///
/// The delay doubles after each failure, up to a limit, and is reduced at random by up to half. The jitter keeps clients that
/// failed together from retrying together.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use ebbtide::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// let third = backoff.after(3);
/// assert!(Duration::from_secs(2) <= third && third <= Duration::from_secs(4));
/// assert!(backoff.after(100) <= Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
}

impl Backoff {
    /// Creates a backoff that waits up to `first` after the first failure, and never longer than `most`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most }
    }

    /// Returns the delay after this number of consecutive failures.
    pub fn after(&self, failures: u32) -> Duration {
        let whole = self.whole(failures);
        whole.saturating_sub(clock::share(whole, chance() / 2.0))
    }

    fn whole(&self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1));
        doubled.and_then(|times| self.first.checked_mul(times)).map_or(self.most, |wait| wait.min(self.most))
    }
}

impl Default for Backoff {
    /// From 1 second to 5 minutes.
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(300))
    }
}

/// Returns a random number from 0 to below 1. The seed of the standard library's maps is random enough for jitter.
pub(crate) fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_limit_and_never_overflows() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let whole = [1, 2, 3, 6, 7, 32, 33, u32::MAX].map(|failures| backoff.whole(failures).as_millis());
        assert_eq!(whole, [100, 200, 400, 3200, 5000, 5000, 5000, 5000]);
        assert!(Backoff::new(Duration::MAX, Duration::MAX).after(9).as_secs() > u64::MAX / 3);
    }

    #[test]
    fn jitter_spreads_the_retries_of_clients_that_failed_together() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1));
        let waits: Vec<_> = (0..1000).map(|_| backoff.after(1)).collect();
        assert!(waits.iter().all(|wait| (500..=1000).contains(&wait.as_millis())), "{waits:?}");
        for tenth in 0..10_u128 {
            let in_it = |wait: &&Duration| (wait.as_micros() - 500_000) / 50_000 == tenth;
            assert!(waits.iter().filter(in_it).count() > 50, "{tenth}");
        }
    }
}
