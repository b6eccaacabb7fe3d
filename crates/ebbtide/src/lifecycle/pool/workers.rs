use std::any::Any;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use crate::drain::Stop;
use crate::lifecycle::counters::JobCounters;
use crate::util::{BoxError, Caught, panics};

/// The receiving side of a pool. When it is dropped, it counts what is left as cancelled.
pub(super) struct PoolWorkers<F> {
    name: String,
    counters: Arc<JobCounters>,
    run: Arc<F>,
    running: JoinSet<EndedJob>,
}

/// A queued job, and the source location that the report lists for it.
pub(super) struct QueuedJob<T> {
    pub(super) job: T,
    pub(super) created: &'static Location<'static>,
}

/// The result of a job.
struct EndedJob {
    in_time: bool,
    result: Result<Result<(), BoxError>, Box<dyn Any + Send>>,
}

impl<F> PoolWorkers<F> {
    pub(super) fn new(name: String, counters: Arc<JobCounters>, run: F) -> Self {
        Self { name, counters, run: Arc::new(run), running: JoinSet::new() }
    }

    pub(super) async fn run<T, Fut>(
        mut self,
        mut jobs: mpsc::Receiver<QueuedJob<T>>,
        workers: usize,
        stop: Stop,
        mut unfed: oneshot::Receiver<()>,
    ) -> Result<(), BoxError>
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let free = Arc::new(Semaphore::new(workers));
        let (mut open, mut exhausted) = (true, false);
        loop {
            if exhausted && self.running.is_empty() {
                // The queue was closed and is empty, or all senders were dropped.
                stop.stopping().await;
                return Ok(());
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // The tokens of the jobs are stopping by now; their senders may still send more.
                _ = &mut unfed, if open => {
                    open = false;
                    jobs.close();
                }
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => self.settle(ended),
                job = next(&mut jobs, &free, &self.counters), if !exhausted => match job {
                    Some((job, permit)) => self.begin(job, permit, &stop),
                    None => exhausted = true,
                },
            }
        }
        jobs.close();
        // Queued jobs do not run any more. Reserved places are not waited for.
        self.counters.end();
        // Jobs that check their token may end until the task is aborted; the others are dropped with it.
        while let Some(ended) = self.running.join_next().await {
            self.settle(ended);
        }
        Ok(())
    }

    fn begin<T, Fut>(&mut self, queued: QueuedJob<T>, permit: OwnedSemaphorePermit, stop: &Stop)
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (run, stop) = (Arc::clone(&self.run), stop.clone());
        let name = self.counters.names.register_from(self.name.clone(), queued.created);
        let held = (self.counters.running.guard(), name, permit);
        self.running.spawn(async move {
            let token = stop.clone();
            let result = Caught::new(async { run(queued.job, token).await }).await;
            // Recorded here, because the pool may process the result only after the cancellation.
            let in_time = !stop.is_cancelled();
            drop(held);
            EndedJob { in_time, result }
        });
    }

    fn settle(&self, ended: Result<EndedJob, JoinError>) {
        // Only the runtime aborts a job, and only when it shuts down.
        let ended = ended.ok();
        let in_time = ended.as_ref().is_some_and(|ended| ended.in_time);
        let is_done = ended.as_ref().is_some_and(|ended| matches!(ended.result, Ok(Ok(()))));
        let count = match (in_time, is_done) {
            (false, _) => &self.counters.cancelled,
            (true, true) => &self.counters.finished,
            (true, false) => &self.counters.failed,
        };
        count.fetch_add(1, Ordering::SeqCst);
        match ended.map(|ended| ended.result) {
            None | Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => {
                crate::runtime::log_error!(pool = self.name, error, "background job failed")
            }
            Some(Err(panic)) => {
                crate::runtime::log_error!(
                    pool = self.name,
                    panic = panics::message(&*panic),
                    "background job panicked"
                );
            }
        }
    }
}

impl<F> Drop for PoolWorkers<F> {
    /// The pool's task may be aborted before it has seen the cancellation, or before its first poll.
    fn drop(&mut self) {
        self.counters.end();
        while let Some(ended) = self.running.try_join_next() {
            self.settle(ended);
        }
        self.counters.cancelled.fetch_add(self.running.len() as u64, Ordering::SeqCst);
    }
}

async fn next<T>(
    jobs: &mut mpsc::Receiver<QueuedJob<T>>,
    free: &Arc<Semaphore>,
    counters: &JobCounters,
) -> Option<(QueuedJob<T>, OwnedSemaphorePermit)> {
    // The permit first, because a received job must run. The semaphore is never closed.
    let permit = Arc::clone(free).acquire_owned().await.ok()?;
    let job = jobs.recv().await?;
    counters.queued.fetch_sub(1, Ordering::SeqCst);
    Some((job, permit))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;
    use crate::drain::{StopSource, Work as _};
    use crate::lifecycle::pool::Pool;
    use crate::model::Cause;
    use crate::util::clock;

    /// A pool of two workers under paused time, with seven jobs, and no abort in time.
    struct Trial {
        source: StopSource,
        counters: Arc<JobCounters>,
        working: JoinSet<Result<(), BoxError>>,
        _pool: Pool<u32>,
        _unfed: oneshot::Sender<()>,
    }

    impl Trial {
        async fn start<Fut>(run: impl Fn(u32, Stop) -> Fut + Send + Sync + 'static) -> Self
        where
            Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
        {
            let (source, counters) = (StopSource::with_clock(clock::now), Arc::new(JobCounters::new()));
            let (sender, jobs) = mpsc::channel(7);
            let (unfed, fed) = oneshot::channel();
            let workers = PoolWorkers::new("pool".to_owned(), Arc::clone(&counters), run);
            let mut working = JoinSet::new();
            working.spawn(workers.run(jobs, 2, source.token(), fed));
            let pool = Pool::new(sender, Arc::clone(&counters), 2, Location::caller());
            for n in 0..7 {
                pool.send(n).await.unwrap();
            }
            Self { source, counters, working, _pool: pool, _unfed: unfed }
        }

        /// Waits until all tasks wait.
        async fn settled(&self) {
            sleep(Duration::from_secs(1)).await;
        }

        fn stop(&self) {
            self.source.stop(Cause::Requested { reason: "test".to_owned() }, None);
        }

        async fn aborted(&mut self) {
            self.working.abort_all();
            while self.working.join_next().await.is_some() {}
        }

        fn finished_and_cancelled(&self) -> (u64, u64) {
            (self.counters.finished.load(Ordering::SeqCst), self.counters.cancelled.load(Ordering::SeqCst))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_at_the_deadline_are_cancelled_whether_or_not_they_observe_it() {
        let mut trial = Trial::start(|n, stop| async move {
            stop.cancelled().await;
            if n == 0 { Ok(()) } else { std::future::pending().await }
        })
        .await;
        trial.settled().await;
        trial.stop();
        trial.source.cancel();
        trial.settled().await;
        assert_eq!(
            trial.finished_and_cancelled(),
            (0, 6),
            "one returned after the cancellation, and five were queued"
        );
        trial.aborted().await;
        assert_eq!(trial.finished_and_cancelled(), (0, 7));
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_that_end_before_the_deadline_are_finished_or_failed() {
        let mut trial = Trial::start(|n, _| async move {
            assert!(n != 1, "the second panics");
            match n {
                0 => Err("the first fails".into()),
                2..5 => Ok(()),
                _ => std::future::pending().await,
            }
        })
        .await;
        trial.settled().await;
        trial.stop();
        trial.source.cancel();
        trial.aborted().await;
        assert_eq!(trial.finished_and_cancelled(), (3, 2));
        let counts = trial.counters.counts();
        assert_eq!((counts.failed, counts.begun, counts.in_flight), (2, 7, 0), "one fails, one panics");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_aborted_before_it_sees_the_cancellation_counts_all_its_jobs() {
        for settled in [true, false] {
            let mut trial = Trial::start(|_, _| std::future::pending()).await;
            if settled {
                trial.settled().await;
            }
            trial.stop();
            trial.source.cancel();
            // On this single thread no other task runs before the abort.
            trial.aborted().await;
            assert_eq!(trial.finished_and_cancelled(), (0, 7), "two had begun: {settled}");
        }
    }
}
