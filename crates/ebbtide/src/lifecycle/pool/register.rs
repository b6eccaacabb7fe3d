use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Pool;
use super::workers::PoolWorkers;
use crate::drain::{Stop, StopSource};
use crate::lifecycle::Handle;
use crate::lifecycle::counters::JobCounters;
use crate::model::{Kind, Stage};
use crate::runtime::{Registration, Run};
use crate::util::{BoxError, clock};

/// Sets up a worker pool. A plain number of workers is enough: `8.into()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    workers: usize,
    capacity: usize,
}

impl PoolOptions {
    /// Runs up to `workers` jobs side by side, at least one, with room for as many again in the queue.
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        Self { workers, capacity: workers }
    }

    /// Sets how many jobs wait in the queue before [`Pool::send`] waits; at least one.
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

impl Handle {
    /// Registers a pool of workers over a bounded in-process queue, and returns its sender.
    ///
    /// When servers and intake have stopped, the jobs' tokens say so, and the pool works off what it holds. Its queue takes
    /// nothing new when all pools and tasks that were registered after it have ended too: what the jobs of one pool send to
    /// another, which they know and which so was registered before, is worked off as well. Whoever gets hold of a pool that is
    /// registered after itself is turned away at the stop, and so is a job that sends to its own pool.
    ///
    /// What is not done when the pool's time is up is cut: the running jobs' tokens say so, and then they are dropped; the jobs
    /// still queued are dropped unrun. Both are counted in the report, also the jobs that end by themselves when told. With [`within`](Self::within) that time begins when the
    /// tokens say so, for what feeds the pool as well. In-process jobs don't outlive the process: store what must not be lost
    /// before you send it.
    ///
    /// A job's error is logged, and so is its panic; the pool goes on.
    ///
    /// A producer sees the pressure: [`Pool::send`] waits while the queue is full, [`Pool::try_send`] gives the job back,
    /// [`Pool::send_within`] does so after a time, and [`Pool::reserve`] keeps a place before there is a job.
    ///
    /// # Examples
    ///
    /// A handler that sends its client away rather than let it wait:
    ///
    /// ```
    /// use ebbtide::lifecycle::{Pool, PoolOptions, Rejected};
    ///
    /// # fn register(app: &ebbtide::Handle) -> Pool<String> {
    /// let emails = app.workers("emails", PoolOptions::new(8).capacity(100), |to: String, _stop| async move {
    ///     let _ = to;
    ///     Ok(())
    /// });
    /// # emails }
    ///
    /// fn handle(emails: &Pool<String>, to: String) -> u16 {
    ///     match emails.try_send(to) {
    ///         Ok(()) => 202,
    ///         Err(Rejected::Full(_)) => 429,
    ///         Err(Rejected::Stopped(_)) => 503,
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn workers<T, F, Fut>(
        &self,
        name: impl Into<String>,
        options: impl Into<PoolOptions>,
        run: F,
    ) -> Pool<T>
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.pool(name.into(), options.into(), run).0
    }

    /// Registers a pool; returns its sender, and the token that its jobs have.
    #[track_caller]
    pub(super) fn pool<T, F, Fut>(&self, name: String, options: PoolOptions, run: F) -> (Pool<T>, Stop)
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(options.capacity);
        let (close, unfed) = oneshot::channel();
        let (source, counters) = (StopSource::with_clock(clock::now), Arc::new(JobCounters::new()));
        let spec = self.spec(name, Stage::Workers, Kind::Pool);
        let workers = PoolWorkers::new(spec.name.clone(), Arc::clone(&counters), run);
        let stop = source.token();
        let future = workers.run(receiver, options.workers, stop.clone(), unfed);
        let (run, work) = (Run::Pool(Box::pin(future), close), Arc::clone(&counters) as _);
        self.register(Registration { spec, source, run, work: Some(work) });
        (Pool::new(sender, counters, options.workers, Location::caller()), stop)
    }
}
