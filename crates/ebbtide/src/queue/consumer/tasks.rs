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

/// The tasks of a consumer: the jobs, and what is said to the queue beside them.
pub(super) struct ConsumerTasks<Q: Queue, F> {
    context: Arc<ConsumerContext<Q, F>>,
    jobs: JoinSet<()>,
    errands: JoinSet<()>,
    /// How many settlements have kept a fetch waiting in vain.
    slow: usize,
    /// Whether the queue brings new jobs with each settlement, so that free places need not be gathered.
    prefetches: bool,
}

/// A fetch under way.
pub(super) type Fetch<R> = BoxFuture<Result<Vec<Delivery<R>>, BoxError>>;

/// Longer than the longest wait between two questions.
const CALM: Duration = Duration::from_secs(10);

/// The longest that a fetch waits for jobs that are being settled: a broker near by has confirmed them by then.
const COMPANY: Duration = Duration::from_millis(20);

/// A queue that returns nothing although it is to wait is not asked in a circle.
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

    /// Fetches and runs until the token is stopping. Returns the fetch that is under way then, or what it has just returned.
    ///
    /// While a fetch waits, the jobs that end leave room for the next one: the busier the consumer, the larger its batches.
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
                never = calm(failures, &outage) => match never {},
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

    /// Hands back what comes after the signal, in a task beside the jobs.
    pub(super) fn return_unbegun(&mut self, fetch: Option<Fetch<Q::Receipt>>) {
        self.errands.spawn(Arc::clone(&self.context).return_unbegun(fetch));
    }

    /// Hands back every job that still runs, in tasks of their own: a job that blocks its thread holds nobody up.
    pub(super) fn requeue_running(&mut self) {
        for guard in self.context.deliveries.claim_running() {
            let context = Arc::clone(&self.context);
            self.errands.spawn(async move { context.settle(guard, Settlement::Requeue).await });
        }
    }

    /// Waits until no task is left.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn idle(&mut self) {
        while let Some(ended) = self.errands.join_next().await {
            self.note(ended);
        }
        while let Some(ended) = self.jobs.join_next().await {
            self.note(ended);
        }
    }

    /// Aborts the remaining tasks. Their guards log what was not settled.
    pub(super) fn let_go(&mut self) {
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

    /// Waits until a place is free and returns how many are.
    ///
    /// What ends together is asked for together: a fetch costs the broker the same for one as for many, and to commit each
    /// fetch beside the settlements of the one before costs more than to commit one behind the other.
    async fn room(&mut self) -> usize {
        while self.jobs.len() >= self.context.options.concurrency {
            self.one_ends().await;
        }
        self.take_ended().await;
        if !self.prefetches {
            self.gather().await;
        }
        self.context.options.concurrency.saturating_sub(self.jobs.len())
    }

    /// Waits for those that are being settled: not for jobs, and not for ever.
    async fn gather(&mut self) {
        let settling = self.context.deliveries.being_settled();
        self.slow = self.slow.min(settling);
        let goal = self.jobs.len().saturating_sub(settling - self.slow);
        if self.jobs.len() > goal && timeout(COMPANY, self.shrink_to(goal)).await.is_err() {
            // Those that have not been settled by now are not waited for again.
            self.slow = self.context.deliveries.being_settled();
        }
    }

    async fn shrink_to(&mut self, goal: usize) {
        while self.jobs.len() > goal {
            self.one_ends().await;
            self.take_ended().await;
        }
    }

    async fn one_ends(&mut self) {
        if let Some(ended) = self.jobs.join_next().await {
            self.note(ended);
        }
    }

    /// The first that ends wakes us before the others run that have their answer as well: they come first.
    async fn take_ended(&mut self) {
        tokio::task::yield_now().await;
        while let Some(ended) = self.jobs.try_join_next() {
            self.note(ended);
        }
    }

    fn fetch(&self, free: usize, stop: &Stop) -> Fetch<Q::Receipt> {
        let (queue, stop) = (Arc::clone(&self.context.queue), stop.clone());
        Box::pin(async move { queue.fetch(free, &stop).await })
    }

    /// A handler's panic is caught: what panics here is the queue's adapter.
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

/// Says that an outage is over when a fetch has waited without an error for a while: there may be no jobs to tell it by.
async fn calm(failures: u32, outage: &Outage) -> Infallible {
    if failures > 0 {
        sleep(CALM).await;
        outage.over();
    }
    std::future::pending().await
}
