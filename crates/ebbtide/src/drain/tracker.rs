use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts what is in flight. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    begun: AtomicU64,
    ended: AtomicU64,
    idle: Notify,
}

/// One piece of work in flight, until it is dropped.
#[derive(Debug)]
#[must_use = "the work counts as finished when this is dropped"]
pub struct Guard {
    shared: Arc<Shared>,
}

impl Tracker {
    /// Makes a tracker with nothing in flight.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins one piece of work.
    pub fn guard(&self) -> Guard {
        self.shared.begun.fetch_add(1, Ordering::SeqCst);
        Guard { shared: Arc::clone(&self.shared) }
    }

    /// Returns how many are in flight.
    pub fn in_flight(&self) -> u64 {
        let ended = self.finished();
        self.begun().saturating_sub(ended)
    }

    /// Returns how many have begun since the tracker was made.
    pub fn begun(&self) -> u64 {
        self.shared.begun.load(Ordering::SeqCst)
    }

    /// Returns how many have ended since the tracker was made.
    pub fn finished(&self) -> u64 {
        self.shared.ended.load(Ordering::SeqCst)
    }

    /// Waits for an instant at which nothing is in flight.
    pub async fn idle(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.ended.fetch_add(1, Ordering::SeqCst);
        self.shared.idle.notify_waiters();
    }
}
