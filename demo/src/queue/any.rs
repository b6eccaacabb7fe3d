use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::queue::{Delivery, JobCounts, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};
use serde::{Deserialize, Serialize};

use super::broker::{Broker, DynBroker};

/// A queue on one of the brokers. Cheap to clone; a clone is for those who push.
#[derive(Clone, Debug)]
pub struct AnyQueue {
    broker: Arc<dyn DynBroker>,
}

impl AnyQueue {
    pub(super) fn new(broker: impl Broker) -> Self {
        Self { broker: Arc::new(broker) }
    }

    /// Pushes a job, and returns its id when the broker has stored it.
    ///
    /// # Errors
    ///
    /// When the broker does not take it.
    pub async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
        self.broker.push(payload).await
    }

    /// Counts what is in it. `RabbitMQ` tells neither what consumers have nor what waits for the time of its next attempt; NATS
    /// counts the latter as leased.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    pub async fn left(&self) -> Result<Left, BoxError> {
        self.broker.left().await
    }

    /// Closes the connections that outlive a consumer: the pools of the SQL databases, and those of who pushes. Called when all
    /// have stopped.
    ///
    /// # Errors
    ///
    /// When the broker was not told of the end; it sees then that we are gone, and nothing is lost.
    pub async fn disconnect(&self) -> Result<(), BoxError> {
        self.broker.disconnect().await
    }
}

impl Queue for AnyQueue {
    type Receipt = AnyReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<AnyReceipt>>, BoxError> {
        self.broker.fetch(max, stop).await
    }

    fn prefetch(&self, allowed: bool) -> bool {
        self.broker.prefetch(allowed)
    }

    async fn settle(&self, receipt: &AnyReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        self.broker.settle(receipt, settlement).await
    }

    fn lease(&self) -> Option<Duration> {
        self.broker.lease()
    }

    async fn extend(&self, receipts: &[AnyReceipt]) -> Result<(), BoxError> {
        self.broker.extend(receipts).await
    }

    fn extends_anywhere(&self) -> bool {
        self.broker.extends_anywhere()
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        self.broker.limitation(concurrency)
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<AnyReceipt>>, BoxError> {
        self.broker.withdraw().await
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.broker.close().await
    }
}

/// What a delivery is settled by, whichever broker it came from.
#[derive(Clone, Debug)]
pub struct AnyReceipt {
    receipt: Arc<dyn Any + Send + Sync>,
}

impl AnyReceipt {
    pub(super) fn new(receipt: impl Any + Send + Sync) -> Self {
        Self { receipt: Arc::new(receipt) }
    }

    /// Returns the receipt if it is one of the type `R`.
    pub(super) fn of<R: Any>(&self) -> Option<&R> {
        self.receipt.downcast_ref()
    }
}

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Jobs that nobody has.
    pub waiting: u64,
    /// Jobs that a consumer has, or had when it died; `None` where the broker does not tell.
    pub leased: Option<u64>,
    /// Jobs that failed for good.
    pub buried: u64,
}

impl Left {
    /// Tells whether all jobs have been done.
    pub fn is_none(&self) -> bool {
        (self.waiting, self.leased.unwrap_or_default(), self.buried) == (0, 0, 0)
    }
}

impl From<JobCounts> for Left {
    fn from(JobCounts { waiting, leased, buried, .. }: JobCounts) -> Self {
        Self { waiting, leased: Some(leased), buried }
    }
}
