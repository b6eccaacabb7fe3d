use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use ebbtide::BoxError;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, JobCounts, Queue, Settled, Settlement};
use tokio::sync::Mutex;

use super::builder::SqsBuilder;
use super::error::SqsQueueError;
use super::link::Link;
use super::polls::Polls;
use super::settle::{self, SqsReceipt};

/// A queue in SQS: a producer, and one of the consumers that share it. Clones are the same consumer.
///
/// The [module](super) says what it keeps and what it doesn't. One fetch brings up to ten jobs, which is what SQS gives for one request.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    link: Link,
    polls: Arc<Mutex<Polls>>,
}

impl SqsQueue {
    /// Begins to describe a queue of that name, in the account and the region of the client.
    ///
    /// # Examples
    ///
    /// See the [module](super).
    pub fn builder(client: Client, name: impl Into<String>) -> SqsBuilder {
        SqsBuilder::new(client, name.into())
    }

    pub(super) fn new(link: Link) -> Self {
        Self { link, polls: Arc::default() }
    }

    /// Pushes a job and returns its id, when SQS has it.
    ///
    /// # Errors
    ///
    /// When SQS cannot be reached or refuses, as it does with more than 1 MiB. If the answer did not come in time, it may have the
    /// job all the same.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the job may have been pushed or not.
    pub async fn push(&self, payload: impl AsRef<[u8]>) -> Result<String, SqsQueueError> {
        self.link.push(payload.as_ref()).await
    }

    /// Counts the jobs, for operators and tests: SQS itself calls its numbers approximate. What waits for the time of its next
    /// attempt counts as leased.
    ///
    /// # Errors
    ///
    /// When SQS cannot be asked.
    pub async fn counts(&self) -> Result<JobCounts, SqsQueueError> {
        self.link.counts().await
    }
}

impl Queue for SqsQueue {
    type Receipt = SqsReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<SqsReceipt>>, BoxError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let mut polls = self.polls.lock().await;
        // What comes after the stop, `withdraw` returns.
        match polls.wait(&self.link, max, stop).await? {
            true => Ok(polls.take(max)),
            false => Ok(Vec::new()),
        }
    }

    async fn settle(&self, receipt: &SqsReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        Ok(settle::settle(&self.link, receipt, settlement).await?)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.link.lease)
    }

    async fn extend(&self, receipts: &[SqsReceipt]) -> Result<(), BoxError> {
        Ok(settle::extend(&self.link, receipts).await?)
    }

    /// Waits until SQS has no request of ours any more, and returns what came for it.
    ///
    /// What is handed back of it is out of sight for as long as a request waits: others that stop with us may still have requests that
    /// they can't take back, and it would go from one to the next and count each time.
    async fn withdraw(&self) -> Result<Vec<Delivery<SqsReceipt>>, BoxError> {
        let mut polls = self.polls.lock().await;
        let answered = polls.answered().await;
        let came = polls.take(usize::MAX);
        for delivery in &came {
            delivery.receipt.inner.state.lock().await.back_after = self.link.poll;
        }
        // A second request doesn't tell what the answer to the first would have said.
        if let Err(error) = answered {
            let error = ebbtide::adapter::chain(&error);
            ebbtide::adapter::log_warn!(
                error,
                "final receive did not complete; its jobs will be redelivered when their lease expires"
            );
        }
        Ok(came)
    }
}
