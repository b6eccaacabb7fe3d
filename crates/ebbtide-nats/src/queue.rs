use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use bytes::Bytes;
use ebbtide::BoxError;
use ebbtide::adapter::chain;
use ebbtide::drain::Stop;
use ebbtide::model::part;
use ebbtide::queue::{Delivery, JobCounts, Queue, Settled, Settlement};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::builder::NatsBuilder;
use super::error::NatsQueueError;
use super::headers::ROOM;
use super::link::{Link, Server};
use super::pulls::{Came, Pulls};
use super::set_up::Plan;
use super::settle::{NatsReceipt, deliver};

/// The maximum size of one fetch.
const MOST: usize = 1000;

/// How often one fetch yields to other tasks before it returns with fewer jobs than requested.
const PATIENCE: usize = 4;

/// A queue in NATS: a producer, and one of the consumers that share it. Clones are the same consumer.
///
/// The [module](super) documents its guarantees. The client reconnects in the background, with backoff. Until it has,
/// every call returns an error at once.
#[derive(Clone, Debug)]
pub struct NatsQueue {
    pub(super) link: Link,
    pub(super) plan: Plan,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `None` after the server reported that the consumer does not exist.
    consumer: Lock<Option<PullConsumer>>,
    lease: Lock<Duration>,
    pulls: Mutex<Pulls>,
    /// How to connect. `None` for a connection that the caller provided: its owner closes it.
    server: Option<Server>,
    /// A dedicated connection, on the runtime of the renewals.
    renewals: Mutex<Option<Link>>,
}

impl NatsQueue {
    /// Creates a builder for a queue. Its name is that of its stream, its subject and its durable consumer.
    ///
    /// # Examples
    ///
    /// See the [module](super).
    pub fn builder(name: impl Into<String>) -> NatsBuilder {
        NatsBuilder::new(name.into())
    }

    pub(super) async fn new(link: Link, plan: Plan, server: Option<Server>) -> Result<Self, NatsQueueError> {
        let lease = Lock::new(plan.lease);
        let shared = Shared {
            consumer: Lock::default(),
            lease,
            pulls: Mutex::default(),
            server,
            renewals: Mutex::default(),
        };
        let queue = Self { link, plan, shared: Arc::new(shared) };
        queue.consumer().await?;
        Ok(queue)
    }

    /// Pushes a job and returns its id when the stream has stored it. The [module](super) documents its durability.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached, rejects the job, or does not accept its size. After a
    /// timeout, the server may have stored the job.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may or may not have been pushed.
    pub async fn push(&self, payload: impl AsRef<[u8]>) -> Result<String, NatsQueueError> {
        let payload = Bytes::copy_from_slice(payload.as_ref());
        let (size, limit) = (payload.len(), self.link.client.max_payload());
        if size + ROOM > limit {
            return Err(NatsQueueError::TooLarge { size, limit });
        }
        Ok(self.link.publish(&self.plan.name, None, payload).await?.to_string())
    }

    /// Returns the number of jobs in each state, for operators and tests. Jobs that wait for a retry count as leased:
    /// NATS does not distinguish them.
    ///
    /// # Errors
    ///
    /// Returns an error if the query fails.
    pub async fn counts(&self) -> Result<JobCounts, NatsQueueError> {
        let failed = "count jobs";
        let info = self.consumer().await?.get_info().await.map_err(NatsQueueError::when(failed))?;
        let dead =
            self.link.context.get_stream(&self.plan.dead).await.map_err(NatsQueueError::when(failed))?;
        let dead_lettered = dead.cached_info().state.messages;
        let leased = u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX);
        Ok(JobCounts::new(info.num_pending, leased, dead_lettered))
    }

    pub(super) fn lease(&self) -> Duration {
        *self.shared.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the consumer. Creates it, with its streams, if it does not exist.
    async fn consumer(&self) -> Result<PullConsumer, NatsQueueError> {
        self.link.connected()?;
        let known = self.shared.consumer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(consumer) = known {
            return Ok(consumer);
        }
        let consumer = self.plan.set_up(&self.link).await?;
        *self.shared.lease.lock().unwrap_or_else(PoisonError::into_inner) =
            consumer.cached_info().config.ack_wait;
        self.set_consumer(Some(consumer.clone()));
        Ok(consumer)
    }

    fn set_consumer(&self, consumer: Option<PullConsumer>) {
        *self.shared.consumer.lock().unwrap_or_else(PoisonError::into_inner) = consumer;
    }

    /// Returns the connection for renewals, and opens it if there is none. Returns `None` if it cannot be opened.
    async fn renewal_link(&self) -> Option<Link> {
        let server = self.shared.server.as_ref()?;
        let mut renewals = self.shared.renewals.lock().await;
        if let Some(link) = &*renewals {
            return Some(link.clone());
        }
        match server.connect().await {
            Ok(link) => Some(renewals.insert(link).clone()),
            Err(error) => {
                let error = chain(&error);
                tracing::debug!(error, "lease renewal connection unavailable; using the queue's connection");
                None
            }
        }
    }

    async fn renew_all_leases(&self, link: &Link, receipts: &[NatsReceipt]) -> Result<(), BoxError> {
        let mut words = JoinSet::new();
        for receipt in receipts {
            let (queue, link, receipt) = (self.clone(), link.clone(), receipt.clone());
            words.spawn(async move { queue.prolong(&link, &receipt).await });
        }
        let mut failed = None;
        while let Some(said) = words.join_next().await {
            failed = said.map_err(BoxError::from).and_then(|said| Ok(said?)).err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    async fn take(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<NatsReceipt>>, NatsQueueError> {
        let mut pulls = self.shared.pulls.lock().await;
        let wanted = max.saturating_sub(pulls.left());
        if wanted > 0 {
            let Some(consumer) = stop.unless_stopping(self.consumer()).await else { return Ok(Vec::new()) };
            pulls.ask(&consumer?, wanted, self.lease()).await?;
        }
        // `withdraw` returns jobs that arrive after the stop.
        let Some(Some(first)) = stop.unless_stopping(pulls.next()).await else { return Ok(Vec::new()) };
        let (mut taken, mut patience) = (vec![first?], PATIENCE);
        while taken.len() < max {
            match pulls.ready().await {
                Some(Ok(came)) => taken.push(came),
                // The next request returns the same error.
                Some(Err(error)) => request_ended(&error),
                // The other jobs that the server sent with it are about to be read from the same socket. Jobs that
                // arrive later stay with the request.
                None if patience > 0 && pulls.left() > 0 && taken.last().is_some_and(has_more) => {
                    patience -= 1;
                    tokio::task::yield_now().await;
                }
                None => break,
            }
        }
        Ok(taken.into_iter().filter_map(delivery).collect())
    }
}

/// Returns whether the server had further jobs when it sent this one.
fn has_more((message, _): &Came) -> bool {
    message.info().is_ok_and(|info| info.pending > 0)
}

fn request_ended(error: &NatsQueueError) {
    tracing::debug!(error = chain(error), "pull request ended");
}

/// Converts a message to a delivery. A message that is not a job, sent to the inbox of a request, is ignored.
fn delivery((message, since): Came) -> Option<Delivery<NatsReceipt>> {
    let subject = message.subject.clone();
    let delivery = deliver(message, since);
    if delivery.is_none() {
        ebbtide::adapter::log_warn!(%subject, "message is not a job; ignoring it");
    }
    delivery
}

impl Queue for NatsQueue {
    type Receipt = NatsReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<NatsReceipt>>, BoxError> {
        let max = max.min(MOST);
        while max > 0 && !stop.is_stopping() {
            self.link.connected()?;
            match self.take(max, stop).await {
                Ok(taken) if taken.is_empty() => {}
                Ok(taken) => return Ok(taken),
                Err(error) => {
                    // The consumer may have been deleted, or lost with a server: the next call checks.
                    self.set_consumer(None);
                    return Err(error.into());
                }
            }
        }
        Ok(Vec::new())
    }

    async fn settle(&self, receipt: &NatsReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        Ok(self.say(receipt, settlement).await?)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease())
    }

    async fn extend(&self, receipts: &[NatsReceipt]) -> Result<(), BoxError> {
        let patience = part(self.lease(), 1, 6);
        if let Ok(Some(link)) = timeout(patience, self.renewal_link()).await {
            if let Ok(Ok(())) = timeout(patience, self.renew_all_leases(&link, receipts)).await {
                return Ok(());
            }
            // It may be the connection of a runtime that has ended.
            *self.shared.renewals.lock().await = None;
        }
        self.renew_all_leases(&self.link, receipts).await
    }

    fn extends_anywhere(&self) -> bool {
        self.shared.server.is_some()
    }

    /// Waits until the server has no request of this consumer any more, and returns the jobs that arrived for them.
    async fn withdraw(&self) -> Result<Vec<Delivery<NatsReceipt>>, BoxError> {
        let mut pulls = self.shared.pulls.lock().await;
        let mut came = Vec::new();
        while let Some(next) = pulls.next().await {
            match next {
                Ok(one) => came.extend(delivery(one)),
                Err(error) => request_ended(&error),
            }
        }
        Ok(came)
    }

    async fn close(&self) -> Result<(), BoxError> {
        if let Some(renewals) = self.shared.renewals.lock().await.take() {
            renewals.close().await?;
        }
        if self.shared.server.is_some() {
            self.link.connected()?;
            self.link.close().await?;
        }
        Ok(())
    }
}
