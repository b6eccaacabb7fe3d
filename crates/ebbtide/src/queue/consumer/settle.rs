use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::consumer::ConsumerContext;
use super::deliveries::{DeliveryGuard, DeliveryTracker};
use super::outage::{AGAIN, NoAnswer, Outage};
use super::tally::Fate;
use super::tasks::Fetch;
use crate::queue::{Delivery, Queue, Settled, Settlement};
use crate::util::panics;

/// How long the queue may take to respond before the call is repeated. Longer than the limits of the queues' clients.
const PATIENCE: Duration = Duration::from_secs(30);

impl<Q: Queue, F> ConsumerContext<Q, F> {
    /// Retries a settlement until the queue has confirmed it. Dropping the future at the deadline leaves the delivery
    /// unsettled.
    pub(super) async fn settle(&self, guard: DeliveryGuard<Q::Receipt>, settlement: Settlement) {
        let Some((job, receipt)) = guard.receipt() else { return };
        let mut failures = 0;
        loop {
            let said = timeout(PATIENCE, self.queue.settle(&receipt, settlement.clone())).await;
            let settled = said.unwrap_or_else(|_| Err(NoAnswer(PATIENCE).into()));
            match settled {
                Ok(settled) => {
                    self.settling.over();
                    self.say(&job, &settlement, settled);
                    return guard.end(Fate::of(&settlement, settled));
                }
                Err(error) => {
                    self.settling.failed(&*error);
                    failures += 1;
                    sleep(AGAIN.after(failures)).await;
                }
            }
        }
    }

    fn say(&self, job: &str, settlement: &Settlement, settled: Settled) {
        let consumer = &*self.name;
        match (settled, settlement) {
            (Settled::Lost, _) => crate::runtime::log_warn!(
                consumer,
                job,
                "delivery was lost before it was settled (lease or connection ended); it will be run again"
            ),
            (Settled::Done, Settlement::Ack) => {}
            (Settled::Done, Settlement::Requeue) => tracing::debug!(consumer, job, "job requeued"),
            (Settled::Done, Settlement::Retry { after, error }) => {
                crate::runtime::log_warn!(
                    consumer,
                    job,
                    error,
                    ?after,
                    "attempt failed; job will be retried"
                );
            }
            (Settled::Done, Settlement::DeadLetter { error }) => {
                crate::runtime::log_error!(
                    consumer,
                    job,
                    error,
                    "job failed permanently; moved to the dead-letter queue"
                );
            }
        }
    }
}

impl<Q: Queue, F: Send + Sync + 'static> ConsumerContext<Q, F> {
    /// Requeues every job that arrives after the shutdown began: the jobs of the last fetch, and those that the broker sent
    /// ahead (invariant Q2).
    pub(super) async fn requeue_without_start(self: Arc<Self>, fetch: Option<Fetch<Q::Receipt>>) {
        let pending = PendingWithdrawal { name: &self.name, deliveries: Some(&self.deliveries) };
        let fetched = match fetch {
            Some(fetch) => fetch.await.unwrap_or_else(|error| self.final_fetch_failed(&*error)),
            None => Vec::new(),
        };
        // The subscription ends first, so that requeued jobs are not sent to this consumer again. If that hangs, the requeues
        // still run.
        let (withdrawn, ()) = tokio::join!(self.withdraw(), self.requeue_all(fetched));
        pending.close();
        self.requeue_all(withdrawn).await;
    }

    /// Retries until the queue responds: only the queue knows which jobs it has leased that no fetch returned.
    async fn withdraw(&self) -> Vec<Delivery<Q::Receipt>> {
        let outage = Outage::new(Arc::clone(&self.name), "withdraw prefetched jobs");
        let mut failures = 0;
        loop {
            match self.queue.withdraw().await {
                Ok(withdrawn) => {
                    outage.over();
                    return withdrawn;
                }
                Err(error) => {
                    outage.failed(&*error);
                    failures += 1;
                    sleep(AGAIN.after(failures)).await;
                }
            }
        }
    }

    async fn requeue_all(self: &Arc<Self>, deliveries: Vec<Delivery<Q::Receipt>>) {
        let mut going: JoinSet<()> = JoinSet::new();
        for delivery in &deliveries {
            going.spawn(self.requeue_unstarted_jobs(delivery));
        }
        while going.join_next().await.is_some() {}
    }

    /// Takes a delivery that will not be started, and returns the future that requeues it.
    fn requeue_unstarted_jobs(
        self: &Arc<Self>,
        delivery: &Delivery<Q::Receipt>,
    ) -> impl Future<Output = ()> + Send + use<Q, F> {
        let guard = self.deliveries.take(delivery, &Arc::from(delivery.id.as_str()), false);
        let context = Arc::clone(self);
        async move { context.settle(guard, Settlement::Requeue).await }
    }

    /// A failed fetch holds no job: it releases what it has taken.
    fn final_fetch_failed(&self, error: &(dyn Error + 'static)) -> Vec<Delivery<Q::Receipt>> {
        let error = panics::chain(error);
        crate::runtime::log_warn!(
            consumer = &*self.name,
            error,
            "final fetch failed; shutting down without fetching more jobs"
        );
        Vec::new()
    }
}

/// Logs, if it is dropped before it is closed, that the queue did not respond: the jobs that the queue has leased are unknown.
struct PendingWithdrawal<'a, R: Clone> {
    name: &'a str,
    deliveries: Option<&'a DeliveryTracker<R>>,
}

impl<R: Clone> PendingWithdrawal<'_, R> {
    fn close(mut self) {
        self.deliveries = None;
    }
}

impl<R: Clone> Drop for PendingWithdrawal<'_, R> {
    fn drop(&mut self) {
        let Some(deliveries) = self.deliveries else { return };
        deliveries.count_cancelled();
        crate::runtime::log_error!(
            consumer = self.name,
            "final fetch did not complete; its jobs will be redelivered when their lease expires"
        );
    }
}
