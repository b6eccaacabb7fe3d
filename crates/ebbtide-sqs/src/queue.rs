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
/// The [module](super) documents its guarantees. One fetch returns up to ten jobs, the limit of SQS for one request.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    link: Link,
    polls: Arc<Mutex<Polls>>,
}

impl SqsQueue {
    /// Creates a builder for a queue of that name, in the account and the region of the client.
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

    /// Pushes a job and returns its id when SQS has stored it.
    ///
    /// # Errors
    ///
    /// Returns an error if SQS cannot be reached or rejects the job, such as one of more than 1 MiB. After a timeout,
    /// SQS may have stored the job.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may or may not have been pushed.
    pub async fn push(&self, payload: impl AsRef<[u8]>) -> Result<String, SqsQueueError> {
        self.link.push(payload.as_ref()).await
    }

    /// Returns the number of jobs in each state, for operators and tests. SQS documents its numbers as approximate.
    /// Jobs that wait for a retry count as leased.
    ///
    /// # Errors
    ///
    /// Returns an error if the query fails.
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
        // `withdraw` returns jobs that arrive after the stop.
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

    /// Waits until SQS has no request of this consumer any more, and returns the jobs that arrived for it.
    ///
    /// A requeue of these jobs hides them for as long as one request waits. Other consumers that stop at the same
    /// time may still have requests that they cannot cancel. A visible job would go from one to the next, and each
    /// delivery counts.
    async fn withdraw(&self) -> Result<Vec<Delivery<SqsReceipt>>, BoxError> {
        let mut polls = self.polls.lock().await;
        let answered = polls.answered().await;
        let came = polls.take(usize::MAX);
        for delivery in &came {
            delivery.receipt.inner.state.lock().await.requeue_delay = self.link.poll;
        }
        // A second request does not return what the response to the first would have contained.
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
