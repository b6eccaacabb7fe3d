use std::time::Duration;

use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};
use tokio::time::timeout;

/// A queue that takes further jobs when its consumer has stopped, and neither works them off nor gives them back, if that
/// was asked for.
#[derive(Clone, Debug)]
pub(crate) struct KeepJobs<Q> {
    pub(super) queue: Q,
    pub(super) wanted: bool,
}

/// How long it waits for a job that it can keep.
const GREED: Duration = Duration::from_millis(1500);

impl<Q: Queue> Queue for KeepJobs<Q> {
    type Receipt = Q::Receipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<Q::Receipt>>, BoxError> {
        self.queue.fetch(max, stop).await
    }

    fn prefetch(&self, allowed: bool) -> bool {
        self.queue.prefetch(allowed)
    }

    async fn settle(&self, receipt: &Q::Receipt, settlement: Settlement) -> Result<Settled, BoxError> {
        self.queue.settle(receipt, settlement).await
    }

    fn lease(&self) -> Option<Duration> {
        self.queue.lease()
    }

    async fn extend(&self, receipts: &[Q::Receipt]) -> Result<(), BoxError> {
        self.queue.extend(receipts).await
    }

    fn extends_anywhere(&self) -> bool {
        self.queue.extends_anywhere()
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        self.queue.limitation(concurrency)
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<Q::Receipt>>, BoxError> {
        if self.wanted {
            let never = Stop::never();
            if let Ok(Ok(kept)) = timeout(GREED, self.queue.fetch(4, &never)).await {
                tracing::warn!(jobs = kept.len(), "keeping jobs to ourselves");
            }
        }
        self.queue.withdraw().await
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.queue.close().await
    }
}
