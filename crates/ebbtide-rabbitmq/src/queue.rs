use std::fmt;
use std::sync::Arc;

use ebbtide::BoxError;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::RabbitQueueError;
use super::builder::RabbitBuilder;
use super::link::{Link, Session};
use super::message::Message;
use super::publisher::{Publisher, Target};
use super::settle::{RabbitReceipt, return_to_queue, settle};
use super::subscription::Subscription;
use super::topology::Topology;

/// A queue of jobs in RabbitMQ. Cheap to clone; clones share connections.
///
/// Clone it for producers. Use one queue for one consumer: prefetching ends for all clones at once.
///
/// The [module](super) documents its guarantees.
#[derive(Clone)]
pub struct RabbitQueue {
    shared: Arc<QueueState>,
}

impl RabbitQueue {
    /// Creates a builder for a queue; [`open`](RabbitBuilder::open) opens it.
    pub fn builder(name: impl Into<String>) -> RabbitBuilder {
        RabbitBuilder::new(name.into())
    }

    pub(super) async fn open(link: Link, topology: Topology) -> Result<Self, RabbitQueueError> {
        let publisher = Publisher::new(link.clone(), topology.clone());
        publisher.open().await?;
        Ok(Self {
            shared: Arc::new(QueueState { link, topology, publisher, subscription: Mutex::new(None) }),
        })
    }

    /// Returns the name of the queue.
    pub fn name(&self) -> &str {
        self.shared.topology.queue()
    }

    /// Returns the name of the dead-letter queue: it holds jobs that failed for good, and those that the broker
    /// dead-lettered.
    ///
    /// A job there has the headers `ebbtide-error`, the error of its last attempt, and `ebbtide-attempts`, the number
    /// of failed attempts.
    pub fn dead_letter_queue(&self) -> String {
        self.shared.topology.dead()
    }

    /// Pushes a job and returns its id when the server has stored it.
    ///
    /// Up to 32 pushes are in progress at the same time.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached, rejects the job or does not respond within five seconds. The
    /// job was not stored, except after a timeout or a connection that broke during the push: then it may have been
    /// stored.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may or may not have been pushed.
    pub async fn push(&self, payload: impl AsRef<[u8]>) -> Result<String, RabbitQueueError> {
        let id = Uuid::now_v7().to_string();
        self.shared.publisher.publish(Target::Queue, Message::fresh(&id), payload.as_ref()).await?;
        Ok(id)
    }
}

impl Queue for RabbitQueue {
    type Receipt = RabbitReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<RabbitReceipt>>, BoxError> {
        let shared = &*self.shared;
        let mut place = shared.subscription.lock().await;
        if max == 0 || !shared.subscribe(&mut place, max, stop).await? {
            return Ok(Vec::new());
        }
        let Some(subscription) = place.as_mut() else { return Ok(Vec::new()) };
        loop {
            let Some(first) = stop.unless_stopping(subscription.next()).await else { return Ok(Vec::new()) };
            let first = first.inspect_err(|_| subscription.end())?;
            let mut batch = vec![receipt(subscription, &first)];
            while batch.len() < max
                && let Some(next) = subscription.ready().await
            {
                batch.push(receipt(subscription, &next));
            }
            let batch = shared.count_unsettled_attempts(batch, stop).await;
            if !batch.is_empty() {
                return Ok(batch.into_iter().map(delivery).collect());
            }
        }
    }

    async fn settle(&self, receipt: &RabbitReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        Ok(settle(&receipt.held, &settlement, &self.shared.publisher).await?)
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<RabbitReceipt>>, BoxError> {
        let mut place = self.shared.subscription.lock().await;
        let Some(subscription) = place.as_mut().filter(|subscription| subscription.session().is_alive())
        else {
            return Ok(Vec::new());
        };
        let left = subscription.cancel().await?;
        Ok(left.iter().map(|left| delivery(receipt(subscription, left))).collect())
    }

    async fn close(&self) -> Result<(), BoxError> {
        let subscription = self.shared.subscription.lock().await.take();
        let closed = match &subscription {
            Some(subscription) => subscription.session().close().await,
            None => Ok(()),
        };
        self.shared.publisher.close().await?;
        Ok(closed?)
    }
}

impl fmt::Debug for RabbitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QueueState { link, topology, .. } = &*self.shared;
        f.debug_struct("RabbitQueue").field("link", link).field("topology", topology).finish()
    }
}

/// State shared by clones.
struct QueueState {
    link: Link,
    topology: Topology,
    publisher: Publisher,
    /// Created by the first fetch, and again by the next one after it has failed.
    subscription: Mutex<Option<Subscription>>,
}

impl QueueState {
    /// Ensures a live subscription of sufficient size. Returns false if the stop came first.
    async fn subscribe(
        &self,
        place: &mut Option<Subscription>,
        max: usize,
        stop: &Stop,
    ) -> Result<bool, RabbitQueueError> {
        if place.as_ref().is_none_or(|subscription| !subscription.session().is_alive()) {
            *place = None;
            let opening = Session::open(&self.link, &self.topology);
            let Some(session) = stop.unless_stopping(opening).await else { return Ok(false) };
            *place = Some(Subscription::new(Arc::new(session?), self.topology.queue().to_owned()));
        }
        match place {
            Some(subscription) if !stop.is_stopping() => subscription.widen(max).await.map(|()| true),
            _ => Ok(false),
        }
    }

    /// Counts the attempts of jobs whose consumer ended without settling them. Their messages do not carry the count,
    /// so each is replaced by another message that does, which is delivered separately. Returns the jobs that can be
    /// delivered now.
    ///
    /// If the replacement fails, the jobs are delivered as they are.
    async fn count_unsettled_attempts(&self, batch: Vec<RabbitReceipt>, stop: &Stop) -> Vec<RabbitReceipt> {
        let mut ours = Vec::with_capacity(batch.len());
        for receipt in batch {
            let counts = receipt.held.message.lapsed && !stop.is_stopping();
            if !counts || !return_to_queue(&receipt.held, &self.publisher).await {
                ours.push(receipt);
            }
        }
        ours
    }
}

fn receipt(subscription: &Subscription, delivery: &lapin::message::Delivery) -> RabbitReceipt {
    RabbitReceipt::new(subscription.session(), delivery)
}

fn delivery(receipt: RabbitReceipt) -> Delivery<RabbitReceipt> {
    let message = &receipt.held.message;
    let (id, payload, attempt) = (message.id.clone(), message.payload.clone(), message.attempt);
    Delivery { receipt, id, payload, attempt }
}
