use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// What the handlers do: nothing, but count. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Work(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    left: AtomicU64,
    done: Notify,
}

impl Work {
    pub(super) fn of(jobs: u32) -> Self {
        Self(Arc::new(Counted { left: AtomicU64::new(u64::from(jobs)), done: Notify::new() }))
    }

    /// Runs a job.
    pub(super) fn run(&self) {
        if self.0.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.done.notify_one();
        }
    }

    /// Waits until every job has run; for one caller.
    pub(super) async fn done(&self) {
        self.0.done.notified().await;
    }

    /// Returns how many have not run.
    pub(super) fn left(&self) -> usize {
        usize::try_from(self.0.left.load(Ordering::Acquire)).unwrap_or(usize::MAX)
    }
}
