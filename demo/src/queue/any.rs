//! A queue on any broker behind one trait object, and the operations that the demo requires of each.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::queue::{Delivery, JobCounts, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};
use serde::{Deserialize, Serialize};

/// A queue on one of the brokers. Cheap to clone; clones can push.
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
    /// Fails when the broker does not accept the job.
    pub async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
        self.broker.push(payload).await
    }

    /// Counts the jobs in the queue. `RabbitMQ` reports neither the leased jobs nor those that wait for their next attempt; NATS
    /// counts the latter as leased.
    ///
    /// # Errors
    ///
    /// Fails when the broker cannot be queried.
    pub async fn left(&self) -> Result<Left, BoxError> {
        self.broker.left().await
    }

    /// Closes the connections that outlive a consumer: the pools of the SQL databases, and the connections for pushes. Called
    /// after all users of the queue have stopped.
    ///
    /// # Errors
    ///
    /// Fails when the connection is not closed in order. The broker then detects the disconnect, and nothing is lost.
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

/// The receipt of a delivery from any of the brokers.
#[derive(Clone, Debug)]
pub struct AnyReceipt {
    receipt: Arc<dyn Any + Send + Sync>,
}

impl AnyReceipt {
    pub(super) fn new(receipt: impl Any + Send + Sync) -> Self {
        Self { receipt: Arc::new(receipt) }
    }

    /// Returns the receipt if its type is `R`.
    pub(super) fn of<R: Any>(&self) -> Option<&R> {
        self.receipt.downcast_ref()
    }
}

/// The numbers of jobs in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Jobs that no consumer has.
    pub waiting: u64,
    /// Jobs that a consumer has, or had when it died; `None` if the broker does not report it.
    pub leased: Option<u64>,
    /// Jobs that failed for good.
    pub dead_lettered: u64,
}

impl Left {
    /// Returns whether all jobs have been done.
    pub fn is_none(&self) -> bool {
        (self.waiting, self.leased.unwrap_or_default(), self.dead_lettered) == (0, 0, 0)
    }
}

impl From<JobCounts> for Left {
    fn from(JobCounts { waiting, leased, dead_lettered, .. }: JobCounts) -> Self {
        Self { waiting, leased: Some(leased), dead_lettered }
    }
}

/// A boxed future: its code is compiled once, not again in every caller.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The queue of one broker, and the further operations that the demo requires.
pub(super) trait Broker: fmt::Debug + Send + Sync + 'static {
    /// The adapter.
    type Adapter: Queue;

    /// Returns the queue that jobs are fetched from.
    fn adapter(&self) -> &Self::Adapter;

    /// Pushes a job, and returns its id when the broker has stored it.
    fn push(&self, payload: &[u8]) -> impl Future<Output = Result<String, BoxError>> + Send;

    /// Counts the jobs in the queue.
    fn left(&self) -> impl Future<Output = Result<Left, BoxError>> + Send;

    /// Returns what the queue cannot do for `concurrency` jobs.
    fn limited(&self, concurrency: usize) -> Option<String> {
        self.adapter().limitation(concurrency)
    }

    /// Closes the connections that outlive a consumer.
    fn disconnect(&self) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// [`Broker`] and its [`Queue`] as one trait object.
pub(super) trait DynBroker: fmt::Debug + Send + Sync {
    fn push<'a>(&'a self, payload: &'a [u8]) -> BoxFuture<'a, Result<String, BoxError>>;
    fn left(&self) -> BoxFuture<'_, Result<Left, BoxError>>;
    fn disconnect(&self) -> BoxFuture<'_, Result<(), BoxError>>;

    fn fetch<'a>(
        &'a self,
        max: usize,
        stop: &'a Stop,
    ) -> BoxFuture<'a, Result<Vec<Delivery<AnyReceipt>>, BoxError>>;
    fn prefetch(&self, allowed: bool) -> bool;
    fn settle<'a>(
        &'a self,
        receipt: &'a AnyReceipt,
        settlement: Settlement,
    ) -> BoxFuture<'a, Result<Settled, BoxError>>;
    fn lease(&self) -> Option<Duration>;
    fn extend<'a>(&'a self, receipts: &'a [AnyReceipt]) -> BoxFuture<'a, Result<(), BoxError>>;
    fn extends_anywhere(&self) -> bool;
    fn limitation(&self, concurrency: usize) -> Option<String>;
    fn withdraw(&self) -> BoxFuture<'_, Result<Vec<Delivery<AnyReceipt>>, BoxError>>;
    fn close(&self) -> BoxFuture<'_, Result<(), BoxError>>;
}

impl<B: Broker> DynBroker for B {
    fn push<'a>(&'a self, payload: &'a [u8]) -> BoxFuture<'a, Result<String, BoxError>> {
        Box::pin(Broker::push(self, payload))
    }

    fn left(&self) -> BoxFuture<'_, Result<Left, BoxError>> {
        Box::pin(Broker::left(self))
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(Broker::disconnect(self))
    }

    fn fetch<'a>(
        &'a self,
        max: usize,
        stop: &'a Stop,
    ) -> BoxFuture<'a, Result<Vec<Delivery<AnyReceipt>>, BoxError>> {
        Box::pin(async move { Ok(any(self.adapter().fetch(max, stop).await?)) })
    }

    fn prefetch(&self, allowed: bool) -> bool {
        self.adapter().prefetch(allowed)
    }

    fn settle<'a>(
        &'a self,
        receipt: &'a AnyReceipt,
        settlement: Settlement,
    ) -> BoxFuture<'a, Result<Settled, BoxError>> {
        Box::pin(async move {
            let receipt = receipt.of::<<B::Adapter as Queue>::Receipt>();
            self.adapter().settle(receipt.ok_or(FOREIGN)?, settlement).await
        })
    }

    fn lease(&self) -> Option<Duration> {
        self.adapter().lease()
    }

    fn extend<'a>(&'a self, receipts: &'a [AnyReceipt]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let ours: Vec<_> = receipts.iter().filter_map(AnyReceipt::of).cloned().collect();
            self.adapter().extend(&ours).await
        })
    }

    fn extends_anywhere(&self) -> bool {
        self.adapter().extends_anywhere()
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        self.limited(concurrency)
    }

    fn withdraw(&self) -> BoxFuture<'_, Result<Vec<Delivery<AnyReceipt>>, BoxError>> {
        Box::pin(async move { Ok(any(self.adapter().withdraw().await?)) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(self.adapter().close())
    }
}

/// The error for a receipt of another broker.
const FOREIGN: &str = "the receipt belongs to another queue";

fn any<R: Send + Sync + 'static>(deliveries: Vec<Delivery<R>>) -> Vec<Delivery<AnyReceipt>> {
    let any = |Delivery { receipt, id, payload, attempt }: Delivery<R>| Delivery {
        receipt: AnyReceipt::new(receipt),
        id,
        payload,
        attempt,
    };
    deliveries.into_iter().map(any).collect()
}
