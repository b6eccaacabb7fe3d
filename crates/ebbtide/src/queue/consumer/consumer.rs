use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout_at};

use super::deliveries::{DeliveryTracker, GiveUpOnDrop};
use super::heartbeat::Heartbeat;
use super::outage::{NoAnswer, Outage};
use super::tally::Tally;
use super::tasks::ConsumerTasks;
use crate::drain::{Stop, Work};
use crate::model::{Cause, part};
use crate::queue::{ConsumeOptions, Job, Queue};
use crate::util::{BoxError, clock, panics};

/// The consumer loop, for programs that keep their own `main`.
///
/// A lifecycle runs it through [`Handle::consume`](crate::Handle::consume), which documents its behaviour.
#[must_use = "a consumer does nothing until it is run"]
pub struct Consumer<Q: Queue, F> {
    context: Arc<ConsumerContext<Q, F>>,
}

impl<Q, F, Fut> Consumer<Q, F>
where
    Q: Queue,
    F: Fn(Job, Stop) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    /// Creates a consumer. It starts when it is [run](Self::run).
    pub fn new(name: impl Into<String>, queue: Q, options: impl Into<ConsumeOptions>, handler: F) -> Self {
        let (name, options): (Arc<str>, ConsumeOptions) = (Arc::from(name.into()), options.into());
        if let Some(limitation) = queue.limitation(options.concurrency) {
            crate::runtime::log_warn!(consumer = &*name, "queue limitation: {limitation}");
        }
        Self { context: Arc::new(ConsumerContext::new(name, queue, options, handler)) }
    }

    /// Returns the work in flight, for custom progress lines and reports.
    pub fn work(&self) -> Arc<dyn Work> {
        Arc::clone(&self.context.deliveries) as Arc<dyn Work>
    }

    /// Runs until the token is stopping and every delivery has an outcome, and returns the counts.
    ///
    /// It returns by the deadline of the token. If the token has no deadline, it returns within the
    /// [requeue time](ConsumeOptions::requeue) after the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops its jobs. Deliveries that it held stay unsettled and are redelivered when their leases expire.
    pub async fn run(self, stop: Stop) -> Tally {
        let Self { context } = self;
        let give_up = GiveUpOnDrop::new(Arc::clone(&context.name), Arc::clone(&context.deliveries));
        let mut tasks = ConsumerTasks::new(Arc::clone(&context));
        let mut heartbeat = Heartbeat::start(&context);

        let last_fetch = tasks.take_until_stopping(&stop).await;
        context.queue.prefetch(false);

        let times = StopTimes::of(clock::now(), stop.deadline(), context.options.requeue);
        let unknown = || Cause::Requested { reason: "unknown".to_owned() };
        context.deliveries.stop(&stop.cause().cloned().unwrap_or_else(unknown), times.requeue);
        tasks.requeue_without_start(last_fetch);
        tokio::select! {
            biased;
            () = tasks.idle() => {}
            () = at(times.requeue) => {}
            () = stop.cancelled() => {}
        }

        let RequeueTimes { abort_remaining, close } = times.ends(clock::now());
        tasks.requeue_running();
        tokio::select! {
            biased;
            () = tasks.idle() => {}
            () = at(Some(abort_remaining)) => {}
        }
        tasks.abort_remaining();
        drop(give_up);
        heartbeat.stop();
        context.close(close).await;
        heartbeat.end(close).await;
        tasks.leave(close).await;
        context.deliveries.tally()
    }
}

/// State shared by the loop, the job tasks and the heartbeat.
pub(super) struct ConsumerContext<Q: Queue, F> {
    pub(super) name: Arc<str>,
    pub(super) queue: Arc<Q>,
    pub(super) options: ConsumeOptions,
    pub(super) handler: F,
    pub(super) deliveries: Arc<DeliveryTracker<Q::Receipt>>,
    pub(super) settling: Outage,
    /// Incremented whenever the lease renewal task runs.
    pub(super) beats: AtomicU64,
}

impl<Q: Queue, F> ConsumerContext<Q, F> {
    fn new(name: Arc<str>, queue: Q, options: ConsumeOptions, handler: F) -> Self {
        let settling = Outage::new(Arc::clone(&name), "settle jobs");
        let (queue, deliveries) = (Arc::new(queue), Arc::new(DeliveryTracker::new()));
        Self { name, queue, options, handler, deliveries, settling, beats: AtomicU64::new(0) }
    }

    async fn close(&self, until: Instant) {
        let left = until.saturating_duration_since(clock::now());
        let closed = timeout_at(tokio::time::Instant::from_std(until), self.queue.close()).await;
        if let Err(error) = closed.unwrap_or_else(|_| Err(NoAnswer(left).into())) {
            let error = panics::chain(&*error);
            crate::runtime::log_warn!(
                consumer = &*self.name,
                error,
                "failed to close the queue; no job is lost"
            );
        }
    }
}

/// The times of the steps of a shutdown, computed once from one deadline.
///
/// ```text
/// stop ──── jobs continue ─▶ requeue ──── four fifths ────▶ abort ──── close ────▶ deadline
///                            └────────── at most a quarter of the whole ──────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StopTimes {
    /// From then on running jobs are requeued. `None` if the shutdown has no deadline: they are requeued when it is cancelled.
    requeue: Option<Instant>,
    time: Duration,
}

/// The time limits of the requeueing and the close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequeueTimes {
    /// Jobs that are not requeued by then are aborted.
    abort_remaining: Instant,
    /// The loop returns.
    close: Instant,
}

impl StopTimes {
    fn of(now: Instant, deadline: Option<Instant>, wished: Duration) -> Self {
        let Some(deadline) = deadline else { return Self { requeue: None, time: wished } };
        let time = wished.min(part(deadline.saturating_duration_since(now), 1, 4));
        Self { requeue: Some(deadline.checked_sub(time).unwrap_or(now)), time }
    }

    /// Measured from the start of the requeueing.
    fn ends(&self, now: Instant) -> RequeueTimes {
        RequeueTimes {
            abort_remaining: clock::after(now, part(self.time, 4, 5)),
            close: clock::after(now, self.time),
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requeueing_takes_at_most_a_quarter_of_the_time_left() {
        let now = clock::now();
        let wished = Duration::from_millis(500);
        for (left, before) in [(20_000, 500), (2000, 500), (1000, 250), (4, 1), (0, 0)] {
            let deadline = now + Duration::from_millis(left);
            let times = StopTimes::of(now, Some(deadline), wished);
            let at = times.requeue.expect("there is a deadline");
            assert_eq!(deadline - at, Duration::from_millis(before));
            assert_eq!(times.ends(at).close, deadline);
            assert!(times.ends(at).abort_remaining <= deadline);
        }
        assert_eq!(StopTimes::of(now, None, wished).requeue, None);
    }
}
