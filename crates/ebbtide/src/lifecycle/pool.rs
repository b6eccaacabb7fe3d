use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::Life;
use crate::drain::{Registry, Stop, Tracker, Work};
use crate::model::{Kind, Stage, Straggler};
use crate::runtime::{BoxError, clock};

/// Sets up a worker pool. A plain number of workers is enough: `8.into()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    workers: usize,
    capacity: usize,
}

/// Sends jobs to a worker pool. Cheap to clone.
pub struct Pool<T> {
    sender: mpsc::Sender<T>,
    books: Arc<Books>,
}

/// A job that the pool did not take, because it is full or stopping.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected<T> {
    /// The queue is full: wait with [`Pool::send`], or tell the caller to come again.
    #[error("the pool's queue is full")]
    Full(T),
    /// The pool has stopped: nobody will run the job here.
    #[error("the pool has stopped")]
    Stopped(T),
}

/// What a pool holds and has done.
#[derive(Debug)]
struct Books {
    queued: AtomicU64,
    running: Tracker,
    names: Registry,
    finished: AtomicU64,
    cut: AtomicU64,
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

impl Life {
    /// Registers a pool of workers over a bounded in-process queue, and returns its sender.
    ///
    /// When servers and intake have stopped, the queue takes nothing new and the pool works off what it holds. What is
    /// not done when the pool's time is up is cut: the running jobs' tokens say so, and then they are dropped; the jobs
    /// still queued are dropped unrun. Both are counted in the report. In-process jobs don't outlive the process: store
    /// what must not be lost before you send it.
    ///
    /// A job's error is logged, and so is its panic; the pool goes on.
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
        let options = options.into();
        let (sender, receiver) = mpsc::channel(options.capacity);
        let books = Arc::new(Books {
            queued: AtomicU64::new(0),
            running: Tracker::new(),
            names: Registry::new(clock::now),
            finished: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        });
        let spec = self.spec(name, Stage::Workers, Kind::Service);
        let crew = Crew { name: spec.name.clone(), books: Arc::clone(&books), run: Arc::new(run) };
        let work = Arc::clone(&books) as Arc<dyn Work>;
        self.spawn(spec, Some(work), move |context| crew.run(receiver, options.workers, context.stop));
        Pool { sender, books }
    }
}

impl<T> Pool<T> {
    /// Sends a job; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// When the pool has stopped; the job comes back.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped before it is done, the job is dropped with it and was not sent.
    pub async fn send(&self, job: T) -> Result<(), Rejected<T>> {
        match self.sender.reserve().await {
            Ok(place) => {
                // Counted before a worker can see it, so that the count never goes below zero.
                self.books.queued.fetch_add(1, Ordering::SeqCst);
                place.send(job);
                Ok(())
            }
            Err(_) => Err(Rejected::Stopped(job)),
        }
    }

    /// Sends a job if there is room.
    ///
    /// # Errors
    ///
    /// When the queue is full or the pool has stopped; the job comes back.
    pub fn try_send(&self, job: T) -> Result<(), Rejected<T>> {
        match self.sender.try_reserve() {
            Ok(place) => {
                self.books.queued.fetch_add(1, Ordering::SeqCst);
                place.send(job);
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(())) => Err(Rejected::Full(job)),
            Err(mpsc::error::TrySendError::Closed(())) => Err(Rejected::Stopped(job)),
        }
    }

    /// Returns how many jobs wait in the queue.
    pub fn queued(&self) -> u64 {
        self.books.queued.load(Ordering::SeqCst)
    }
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), books: Arc::clone(&self.books) }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("books", &self.books).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Stopped(_) => "Stopped",
        })
    }
}

/// The receiving side of a pool.
struct Crew<F> {
    name: String,
    books: Arc<Books>,
    run: Arc<F>,
}

impl<F> Crew<F> {
    async fn run<T, Fut>(
        self,
        mut jobs: mpsc::Receiver<T>,
        workers: usize,
        stop: Stop,
    ) -> Result<(), BoxError>
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let free = Arc::new(Semaphore::new(workers));
        let mut running = JoinSet::new();
        let (mut open, mut exhausted) = (true, false);
        loop {
            if exhausted && running.is_empty() {
                // The queue was closed and is empty, or all senders are gone.
                stop.stopping().await;
                return Ok(());
            }
            tokio::select! {
                biased;
                () = stop.cut() => break,
                () = stop.stopping(), if open => {
                    open = false;
                    jobs.close();
                }
                Some(result) = running.join_next(), if !running.is_empty() => self.settle(result),
                job = self.next(&mut jobs, &free), if !exhausted => match job {
                    Some((job, permit)) => {
                        let (run, stop) = (Arc::clone(&self.run), stop.clone());
                        let held = (self.books.running.guard(), self.books.names.register(self.name.clone()), permit);
                        running.spawn(async move {
                            let result = run(job, stop).await;
                            drop(held);
                            result
                        });
                    }
                    None => exhausted = true,
                },
            }
        }
        jobs.close();
        let mut queued = 0;
        while jobs.recv().await.is_some() {
            queued += 1;
            self.books.queued.fetch_sub(1, Ordering::SeqCst);
        }
        // Jobs that look at their token end by themselves until the task is aborted, and then they are dropped with it.
        let mut books = Cutting { books: &self.books, left: queued + running.len() as u64 };
        while let Some(result) = running.join_next().await {
            books.left -= 1;
            self.settle(result);
        }
        Ok(())
    }

    async fn next<T>(
        &self,
        jobs: &mut mpsc::Receiver<T>,
        free: &Arc<Semaphore>,
    ) -> Option<(T, tokio::sync::OwnedSemaphorePermit)> {
        // A permit first: a job that was received is run. The semaphore is never closed.
        let permit = Arc::clone(free).acquire_owned().await.ok()?;
        let job = jobs.recv().await?;
        self.books.queued.fetch_sub(1, Ordering::SeqCst);
        Some((job, permit))
    }

    fn settle(&self, result: Result<Result<(), BoxError>, tokio::task::JoinError>) {
        self.books.finished.fetch_add(1, Ordering::SeqCst);
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(pool = self.name, error, "a job failed"),
            Err(error) => tracing::error!(pool = self.name, %error, "a job panicked"),
        }
    }
}

/// Counts what is left as cut, when the pool's task is aborted as well.
struct Cutting<'a> {
    books: &'a Books,
    left: u64,
}

impl Drop for Cutting<'_> {
    fn drop(&mut self) {
        self.books.cut.fetch_add(self.left, Ordering::SeqCst);
    }
}

impl Work for Books {
    fn in_flight(&self) -> u64 {
        self.queued.load(Ordering::SeqCst) + self.running.in_flight()
    }

    fn finished(&self) -> u64 {
        self.finished.load(Ordering::SeqCst)
    }

    fn cut(&self) -> u64 {
        self.cut.load(Ordering::SeqCst)
    }

    fn stragglers(&self) -> Vec<Straggler> {
        self.names.stragglers()
    }
}
