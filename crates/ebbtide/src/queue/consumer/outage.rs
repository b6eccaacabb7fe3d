use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::show_duration;
use crate::util::{Backoff, clock, panics};

/// The backoff after an error of the queue. Short enough that a broker restart causes no noticeable delay, long enough that retries
/// do not load an unavailable broker.
pub(super) const AGAIN: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// The queue did not respond in time.
#[derive(Debug, thiserror::Error)]
#[error("no response within {} s", .0.as_secs_f64())]
pub(super) struct NoAnswer(pub(super) Duration);

/// Logs once that the queue is unreachable, and once that it is available again.
pub(super) struct Outage {
    consumer: Arc<str>,
    what: &'static str,
    /// Read for each job, so that the lock is only taken during an outage.
    is_on: AtomicBool,
    state: Mutex<Option<OngoingOutage>>,
}

struct OngoingOutage {
    at: Instant,
    failures: u64,
}

impl Outage {
    /// `what` completes "failed to" and "able to".
    pub(super) fn new(consumer: Arc<str>, what: &'static str) -> Self {
        Self { consumer, what, is_on: AtomicBool::new(false), state: Mutex::new(None) }
    }

    pub(super) fn failed(&self, error: &(dyn Error + 'static)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(begun) = &mut *state {
            begun.failures += 1;
            return;
        }
        *state = Some(OngoingOutage { at: clock::now(), failures: 1 });
        // Both change under the lock, so that they agree for concurrent calls.
        self.is_on.store(true, Ordering::Release);
        drop(state);
        let error = panics::chain(error);
        crate::runtime::log_error!(
            consumer = &*self.consumer,
            error,
            "failed to {}; retrying until the queue is available",
            self.what
        );
    }

    pub(super) fn over(&self) {
        let Some(OngoingOutage { at, failures }) = self.take() else { return };
        let after = show_duration(clock::now().saturating_duration_since(at));
        tracing::info!(
            consumer = &*self.consumer,
            failures,
            after,
            "queue is available again; able to {}",
            self.what
        );
    }

    /// Ends the outage without a log line.
    pub(super) fn forget(&self) {
        self.take();
    }

    fn take(&self) -> Option<OngoingOutage> {
        if !self.is_on.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_on.store(false, Ordering::Release);
        state.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            NoAnswer(_) => NoAnswer(Duration::from_millis(1500));
        }
    }
}
