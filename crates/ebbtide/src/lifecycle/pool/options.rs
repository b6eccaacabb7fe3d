use std::num::NonZeroUsize;

/// Sets up a worker pool. A plain number of workers is enough: `8.into()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    pub(super) workers: usize,
    pub(super) capacity: usize,
}

impl PoolOptions {
    /// Runs up to `workers` jobs side by side, at least one, with room for as many again in the queue.
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        Self { workers, capacity: workers }
    }

    /// Sets how many jobs wait in the queue before [`Pool::send`](crate::lifecycle::Pool::send) waits; at least one.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity.max(1);
        self
    }
}

impl From<usize> for PoolOptions {
    fn from(workers: usize) -> Self {
        Self::new(workers)
    }
}

impl From<NonZeroUsize> for PoolOptions {
    fn from(workers: NonZeroUsize) -> Self {
        Self::new(workers.get())
    }
}
