use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};

use super::{AnyReceipt, Left};

/// A future in a box: its code is compiled where it is made, not once more wherever it is awaited.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The queue of one broker, and what the demo needs beside it.
pub(super) trait Broker: fmt::Debug + Send + Sync + 'static {
    /// The adapter.
    type Adapter: Queue;

    /// Returns the queue that jobs are fetched from.
    fn adapter(&self) -> &Self::Adapter;

    /// Pushes a job, and returns its id when the broker has stored it.
    fn push(&self, payload: &[u8]) -> impl Future<Output = Result<String, BoxError>> + Send;

    /// Counts the jobs in the queue.
    fn left(&self) -> impl Future<Output = Result<Left, BoxError>> + Send;

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
        self.adapter().limitation(concurrency)
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
