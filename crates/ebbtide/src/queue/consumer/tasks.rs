use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout, timeout_at};

use super::consumer::ConsumerContext;
use super::outage::{AGAIN, Outage};
use crate::drain::Stop;
use crate::queue::{Delivery, Job, Queue, Settlement};
use crate::util::{BoxError, BoxFuture, panics};

/// The tasks of a consumer: the jobs, and the other calls to the queue.
pub(super) struct ConsumerTasks<Q: Queue, F> {
    context: Arc<ConsumerContext<Q, F>>,
    jobs: JoinSet<()>,
    errands: JoinSet<()>,
    /// How many settlements a fetch has waited for without success.
    slow: usize,
    /// Whether the queue delivers new jobs with each settlement, so that a fetch does not wait for free slots.
    prefetches: bool,
}

/// A fetch in progress.
pub(super) type Fetch<R> = BoxFuture<Result<Vec<Delivery<R>>, BoxError>>;

/// Longer than the longest delay between two retries.
const RECOVERY_PERIOD: Duration = Duration::from_secs(10);

/// The longest that a fetch waits for settlements in progress: a nearby broker has confirmed them by then.
const SETTLEMENT_WAIT: Duration = Duration::from_millis(20);

/// The pause after a fetch that returned nothing although it should wait, so that the loop does not spin.
const EMPTY_PAUSE: Duration = Duration::from_millis(10);

impl<Q, F, Fut> ConsumerTasks<Q, F>
where
    Q: Queue,
    F: Fn(Job, Stop) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    pub(super) fn new(context: Arc<ConsumerContext<Q, F>>) -> Self {
        Self { context, jobs: JoinSet::new(), errands: JoinSet::new(), slow: 0, prefetches: false }
    }

    /// Fetches and runs jobs until the token is stopping. Returns the fetch in progress at that time, or the one that has just
    /// returned.
    ///
    /// While a fetch waits, jobs that end free slots for the next fetch: the busier the consumer, the larger its batches.
    pub(super) async fn take_until_stopping(&mut self, stop: &Stop) -> Option<Fetch<Q::Receipt>> {
        let outage = Outage::new(Arc::clone(&self.context.name), "fetch jobs");
        let mut failures = 0;
        self.prefetches = self.context.queue.prefetch(true);
        loop {
            let free = stop.unless_stopping(self.room()).await?;
            let mut fetch = self.fetch(free, stop);
            let fetched = tokio::select! {
                biased;
                fetched = &mut fetch => fetched,
                () = stop.stopping() => return Some(fetch),
                never = report_recovery(failures, &outage) => match never {},
            };
            if stop.is_stopping() {
                return Some(Box::pin(std::future::ready(fetched)));
            }
            match fetched {
                Ok(deliveries) => {
                    outage.over();
                    failures = 0;
                    if deliveries.is_empty() {
                        stop.unless_stopping(sleep(EMPTY_PAUSE)).await?;
                    }
                    for delivery in deliveries {
                        self.jobs.spawn(self.context.run(delivery));
                    }
                }
                Err(error) => {
                    outage.failed(&*error);
                    failures += 1;
                    stop.unless_stopping(sleep(AGAIN.after(failures))).await?;
                }
            }
        }
    }

    /// Requeues what arrives after the signal, in a task concurrent with the jobs.
    pub(super) fn requeue_without_start(&mut self, fetch: Option<Fetch<Q::Receipt>>) {
        self.errands.spawn(Arc::clone(&self.context).requeue_without_start(fetch));
    }

    /// Requeues every running job, each in a separate task: a job that blocks its thread does not delay the others.
    pub(super) fn requeue_running(&mut self) {
        for guard in self.context.deliveries.claim_running() {
            let context = Arc::clone(&self.context);
            self.errands.spawn(async move { context.settle(guard, Settlement::Requeue).await });
        }
    }

    /// Waits until all tasks have ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn idle(&mut self) {
        while let Some(ended) = self.errands.join_next().await {
            self.note(ended);
        }
        while let Some(ended) = self.jobs.join_next().await {
            self.note(ended);
        }
    }

    /// Aborts the remaining tasks. Their guards log what was not settled.
    pub(super) fn abort_remaining(&mut self) {
        self.errands.abort_all();
        self.jobs.abort_all();
    }

    /// Waits, at most until `until`, for aborted tasks to end, so that they end before what they use is closed.
    pub(super) async fn leave(&mut self, until: Instant) {
        if timeout_at(tokio::time::Instant::from_std(until), self.idle()).await.is_err() {
            crate::runtime::log_error!(
                consumer = &*self.context.name,
                tasks = self.jobs.len() + self.errands.len(),
                "cancelled tasks are blocking their threads; they run until they return or the process exits"
            );
        }
    }

    /// Waits until a slot is free and returns the number of free slots.
    ///
    /// Jobs that end together are replaced by one fetch: a fetch costs the broker the same for one job as for many, and
    /// committing each fetch concurrently with the settlements before it costs more than committing one after the other.
    async fn room(&mut self) -> usize {
        while self.jobs.len() >= self.context.options.concurrency {
            self.join_next_job().await;
        }
        self.join_finished_jobs().await;
        if !self.prefetches {
            self.gather().await;
        }
        self.context.options.concurrency.saturating_sub(self.jobs.len())
    }

    /// Waits, with a limit, for settlements in progress, but not for running jobs.
    async fn gather(&mut self) {
        let settling = self.context.deliveries.being_settled();
        self.slow = self.slow.min(settling);
        let goal = self.jobs.len().saturating_sub(settling - self.slow);
        if self.jobs.len() > goal && timeout(SETTLEMENT_WAIT, self.shrink_to(goal)).await.is_err() {
            // Settlements that did not complete by now are not waited for again.
            self.slow = self.context.deliveries.being_settled();
        }
    }

    async fn shrink_to(&mut self, goal: usize) {
        while self.jobs.len() > goal {
            self.join_next_job().await;
            self.join_finished_jobs().await;
        }
    }

    async fn join_next_job(&mut self) {
        if let Some(ended) = self.jobs.join_next().await {
            self.note(ended);
        }
    }

    /// The first task that ends wakes this one before other tasks run whose response has arrived: they run first.
    async fn join_finished_jobs(&mut self) {
        tokio::task::yield_now().await;
        while let Some(ended) = self.jobs.try_join_next() {
            self.note(ended);
        }
    }

    fn fetch(&self, free: usize, stop: &Stop) -> Fetch<Q::Receipt> {
        let (queue, stop) = (Arc::clone(&self.context.queue), stop.clone());
        Box::pin(async move { queue.fetch(free, &stop).await })
    }

    /// Handler panics are caught: a panic here comes from the queue adapter.
    fn note(&self, ended: Result<(), JoinError>) {
        if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
            let message = panics::message(&*panic);
            crate::runtime::log_error!(
                consumer = &*self.context.name,
                panic = message,
                "queue adapter panicked"
            );
        }
    }
}

/// Reports the end of an outage when a fetch has waited without an error for a while, because there may be no jobs to detect it
/// by.
async fn report_recovery(failures: u32, outage: &Outage) -> Infallible {
    if failures > 0 {
        sleep(RECOVERY_PERIOD).await;
        outage.over();
    }
    std::future::pending().await
}
