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

/// The options of a worker pool. Converts from a plain number of workers: `8.into()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    workers: usize,
    capacity: usize,
}

impl PoolOptions {
    /// Creates options for up to `workers` concurrent jobs, at least one, and a queue of the same capacity.
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        Self { workers, capacity: workers }
    }

    /// Sets the capacity of the queue, at least one. [`Pool::send`] waits while it is full.
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
    /// When servers and intake have stopped, the tokens of the jobs are stopping, and the pool finishes what is running and queued.
    /// Its queue closes when all pools and tasks that were registered after it have ended too. Send only to pools registered
    /// earlier: their jobs are finished as well. Sends to a later pool, or from a job to its own pool, fail once the queue closes.
    ///
    /// At the deadline of the pool the tokens of running jobs are cancelled, and then the jobs are dropped. Queued jobs are
    /// dropped without being run. The report counts both as cancelled, including jobs that end by themselves once their token is
    /// cancelled. With [`within`](Self::within) the deadline counts from when the tokens are stopping, also for the senders of the
    /// pool. In-process jobs do not outlive the process: store what must not be lost before sending it.
    ///
    /// The error or panic of a job is logged; the pool continues.
    ///
    /// Producers see backpressure: [`Pool::send`] waits while the queue is full, [`Pool::try_send`] returns the job immediately,
    /// [`Pool::send_within`] returns it after a timeout, and [`Pool::reserve`] reserves a place before there is a job.
    ///
    /// # Examples
    ///
    /// A handler that rejects a request instead of waiting:
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

    /// Registers a pool. Returns its sender and the token of its jobs.
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
