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
/// A clone is for those who push. A consumer has one to itself: what was sent ahead is ended for all clones at once.
///
/// See the [module](super) for what it guarantees.
#[derive(Clone)]
pub struct RabbitQueue {
    shared: Arc<QueueState>,
}

impl RabbitQueue {
    /// Begins to describe a queue; [`open`](RabbitBuilder::open) ends it.
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

    /// Returns the queue's name.
    pub fn name(&self) -> &str {
        self.shared.topology.queue()
    }

    /// Returns the name of the queue that jobs are in that failed for good, and those that the broker gave up.
    ///
    /// A job there has the headers `ebbtide-error`, why its last attempt failed, and `ebbtide-attempts`, how many did.
    pub fn dead_name(&self) -> String {
        self.shared.topology.dead()
    }

    /// Pushes a job and returns its id, when the server has stored it.
    ///
    /// Up to 32 are under way at the same time.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, does not take it or does not answer within five seconds. Except in the last case, and
    /// when the connection broke in between, it was not stored.
    ///
    /// # Cancel safety
    ///
    /// Whether it was pushed is unknown then.
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
            let batch = shared.count_lapsed(batch, stop).await;
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

/// What clones have in common.
struct QueueState {
    link: Link,
    topology: Topology,
    publisher: Publisher,
    /// Made by the first fetch, and anew by the next one when it has broken.
    subscription: Mutex<Option<Subscription>>,
}

impl QueueState {
    /// Makes sure of a subscription that is alive and wide enough; returns whether there is one, or a stop came before.
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

    /// Counts the attempts of those whose consumer said nothing of them: their messages don't, so others do that take their
    /// place, and come by themselves. Returns the jobs that can be given out.
    ///
    /// Where that fails they are given out as they are.
    async fn count_lapsed(&self, batch: Vec<RabbitReceipt>, stop: &Stop) -> Vec<RabbitReceipt> {
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
