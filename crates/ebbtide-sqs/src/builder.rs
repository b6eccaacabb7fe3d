use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use ebbtide::model::part;

use super::error::SqsQueueError;
use super::link::{Link, answer};
use super::queue::SqsQueue;
use super::settle::LONGEST_LEASE;

/// 14 days, the maximum.
const RETENTION: &str = "1209600";

const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// The maximum wait time of a request.
const LONGEST_POLL: Duration = Duration::from_secs(20);

/// Configures and opens an [`SqsQueue`].
///
/// # Examples
///
/// See the [module](super).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct SqsBuilder {
    client: Client,
    name: String,
    dead: Option<String>,
    lease: Duration,
    poll: Duration,
}

impl SqsBuilder {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name, dead: None, lease: Duration::from_secs(30), poll: Duration::from_secs(2) }
    }

    /// Sets the lease: how long a consumer may be silent before its jobs are delivered to others. Between 1 second
    /// and 12 hours, rounded up to whole seconds. Default: 30 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how long one request waits for jobs, and so how long a shutdown may have to wait. Up to 20 s, in whole
    /// seconds, and never more than half a lease. Default: 2 s.
    ///
    /// SQS bills requests: an idle consumer sends one in this time. With less than a second, requests do not wait,
    /// and are sent five times a second.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Sets the name of the dead-letter queue. Default: the name of the queue with the suffix `-dead`.
    pub fn dead_letters(mut self, name: impl Into<String>) -> Self {
        self.dead = Some(name.into());
        self
    }

    /// Finds both queues, and creates a missing one. Several processes may call it at the same time.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is that of a FIFO queue, if the lease is invalid, or if SQS cannot be reached or
    /// rejects a request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most empty queues behind.
    pub async fn open(self) -> Result<SqsQueue, SqsQueueError> {
        let dead = self.dead.unwrap_or_else(|| format!("{}-dead", self.name));
        for name in [&self.name, &dead] {
            if name.ends_with(".fifo") {
                return Err(SqsQueueError::Fifo(name.clone()));
            }
        }
        if self.lease < SHORTEST_LEASE || self.lease > LONGEST_LEASE {
            return Err(SqsQueueError::Lease(self.lease));
        }
        let lease = whole_seconds(self.lease);
        let poll = Duration::from_secs(self.poll.min(LONGEST_POLL).min(part(lease, 1, 2)).as_secs());
        let url = set_up(&self.client, &self.name).await?;
        let dead = set_up(&self.client, &dead).await?;
        Ok(SqsQueue::new(Link { client: self.client, url, dead, lease, poll }))
    }
}

/// Rounds up: a lease is never shorter than requested.
pub(super) fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)))
}

/// Returns the URL of a queue. Creates the queue if it does not exist.
async fn set_up(client: &Client, name: &str) -> Result<String, SqsQueueError> {
    let what = "find the queue";
    let found = answer(what, client.get_queue_url().queue_name(name).send()).await;
    let url = match found {
        Err(error) if error.is_missing() => make(client, name).await?,
        found => found?.queue_url,
    };
    url.ok_or_else(|| SqsQueueError::unreachable(what, "the response has no queue URL".into()))
}

async fn make(client: &Client, name: &str) -> Result<Option<String>, SqsQueueError> {
    let making = client.create_queue().queue_name(name);
    let making = making.attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION);
    let made = answer("create the missing queue", making.send()).await?;
    tracing::info!(name, "created missing SQS queue");
    Ok(made.queue_url)
}
