use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use ebbtide::model::part;

use super::error::SqsQueueError;
use super::link::{Link, answer};
use super::queue::SqsQueue;
use super::settle::LONGEST_LEASE;

/// 14 days, the most there is.
const RETENTION: &str = "1209600";

const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// The most that SQS lets a request wait.
const LONGEST_POLL: Duration = Duration::from_secs(20);

/// Describes an [`SqsQueue`], and opens it.
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

    /// Sets how long a consumer may be silent before its jobs are given to others: between a second and twelve hours, in whole
    /// seconds, rounded up. Default: 30 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how long one request waits for jobs, and with it for how long a stop may have to wait: up to 20 s, in whole seconds,
    /// and never more than half a lease. Default: 2 s.
    ///
    /// Requests are what SQS is paid for: an idle consumer makes one in that time. With less than a second
    /// they don't wait at all, and are made five times a second.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Sets the name of the queue for those that are buried. Default: that of the queue, and `-dead`.
    pub fn dead_letters(mut self, name: impl Into<String>) -> Self {
        self.dead = Some(name.into());
        self
    }

    /// Finds both queues, and makes the one that is missing. Any number may do so at once.
    ///
    /// # Errors
    ///
    /// When the name is that of a FIFO queue, the lease cannot be kept, or SQS cannot be reached or refuses.
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

/// Rounds up: what is asked for is never cut short.
pub(super) fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)))
}

/// Returns the URL of a queue, which is made where it is missing.
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
