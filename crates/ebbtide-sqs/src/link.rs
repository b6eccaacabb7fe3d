use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use ebbtide::BoxError;
use ebbtide::adapter::clock;
use ebbtide::queue::JobCounts;
use tokio::time::timeout;

use super::error::{LOST, SqsQueueError};
use super::message::{self, Attributes};

/// The response timeout, beyond the time that a request waits at the server.
const ANSWER: Duration = Duration::from_secs(5);

/// The maximum number of messages of one request.
pub(super) const BATCH: usize = 10;

/// The requests to the two queues, each with a response timeout.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) url: String,
    /// The URL of the dead-letter queue.
    pub(super) dead: String,
    /// In whole seconds, as is `poll`.
    pub(super) lease: Duration,
    pub(super) poll: Duration,
}

impl Link {
    /// Receives up to `max` messages, and returns them with the time of the request.
    pub(super) async fn receive(&self, max: usize) -> Result<(Vec<Message>, Instant), SqsQueueError> {
        let what = "receive jobs";
        // A job in a lost response is leased to this consumer and will be redelivered: the consumer loop sends the
        // next request.
        let once = aws_sdk_sqs::config::Builder::new().retry_config(RetryConfig::disabled());
        let asking = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(max.clamp(1, BATCH)).unwrap_or(1))
            .wait_time_seconds(seconds(self.poll))
            .visibility_timeout(seconds(self.lease))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .customize()
            .config_override(once);
        let since = clock::now();
        let came = answer_within(what, self.poll.saturating_add(ANSWER), asking.send()).await?;
        Ok((came.messages.unwrap_or_default(), since))
    }

    /// Sends a payload as a job, and returns its id.
    pub(super) async fn push(&self, payload: &[u8]) -> Result<String, SqsQueueError> {
        let what = "push a job";
        let (body, attributes) = message::write(payload).map_err(|error| cannot(what, error.into()))?;
        let sending = self.client.send_message().queue_url(&self.url).message_body(body);
        let sent = answer(what, sending.set_message_attributes(attributes).send()).await?;
        sent.message_id.ok_or_else(|| cannot(what, "the response has no message id".into()))
    }

    /// Sends a message to the dead-letter queue.
    pub(super) async fn dead_letter(&self, body: &str, attributes: Attributes) -> Result<(), SqsQueueError> {
        let sending = self.client.send_message().queue_url(&self.dead).message_body(body);
        let attributes = (!attributes.is_empty()).then_some(attributes);
        answer("dead-letter a job", sending.set_message_attributes(attributes).send()).await?;
        Ok(())
    }

    pub(super) async fn delete(&self, handle: &str) -> Result<(), SqsQueueError> {
        let deleting = self.client.delete_message().queue_url(&self.url).receipt_handle(handle);
        answer("acknowledge a job", deleting.send()).await?;
        Ok(())
    }

    /// Makes a message visible after `time`.
    pub(super) async fn hide(&self, handle: &str, time: Duration) -> Result<(), SqsQueueError> {
        let changing = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(handle);
        answer("release a job", changing.visibility_timeout(seconds(time)).send()).await?;
        Ok(())
    }

    /// Does the same for up to ten messages at once, and returns which of them are not lost.
    pub(super) async fn hide_all(&self, batch: &[(&str, Duration)]) -> Result<Vec<bool>, SqsQueueError> {
        let what = "extend leases";
        let entry = |(number, (handle, time)): (usize, &(&str, Duration))| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(number.to_string());
            entry.receipt_handle(*handle).visibility_timeout(seconds(*time)).build()
        };
        let entries: Result<Vec<_>, _> = batch.iter().enumerate().map(entry).collect();
        let entries = entries.map_err(|error| cannot(what, error.into()))?;
        let changing = self.client.change_message_visibility_batch().queue_url(&self.url);
        let changed = answer(what, changing.set_entries(Some(entries)).send()).await?;
        let mut kept = vec![false; batch.len()];
        for done in changed.successful() {
            if let Some(kept) = done.id().parse().ok().and_then(|number: usize| kept.get_mut(number)) {
                *kept = true;
            }
        }
        match changed.failed().iter().find(|failed| !LOST.contains(&failed.code())) {
            Some(failed) => Err(cannot(what, failed.message().unwrap_or(failed.code()).into())),
            None => Ok(kept),
        }
    }

    pub(super) async fn counts(&self) -> Result<JobCounts, SqsQueueError> {
        let (waiting, leased) = self.count(&self.url).await?;
        let (dead_lettered, looked_at) = self.count(&self.dead).await?;
        Ok(JobCounts::new(waiting, leased, dead_lettered + looked_at))
    }

    /// Returns the number of waiting messages of a queue, and of those in flight.
    async fn count(&self, url: &str) -> Result<(u64, u64), SqsQueueError> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesDelayed as Delayed,
            ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        let asking = self.client.get_queue_attributes().queue_url(url);
        let asking = asking.set_attribute_names(Some(vec![Visible, Delayed, InFlight]));
        let counts = answer("count jobs", asking.send()).await?.attributes.unwrap_or_default();
        let count = |name| counts.get(&name).and_then(|count| count.parse().ok()).unwrap_or(0_u64);
        Ok((count(Visible) + count(Delayed), count(InFlight)))
    }
}

/// Waits for a response, up to a timeout: by default the client waits without limit.
pub(super) fn answer<T, E, R>(
    what: &'static str,
    asking: impl Future<Output = Result<T, SdkError<E, R>>> + Send,
) -> impl Future<Output = Result<T, SqsQueueError>> + Send
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    answer_within(what, ANSWER, asking)
}

fn answer_within<T, E, R>(
    what: &'static str,
    limit: Duration,
    asking: impl Future<Output = Result<T, SdkError<E, R>>> + Send,
) -> impl Future<Output = Result<T, SqsQueueError>> + Send
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    // Boxed: these futures are kilobytes each, and would be part of every future above.
    let asking = Box::pin(asking);
    async move {
        match timeout(limit, asking).await {
            Ok(answered) => answered.map_err(SqsQueueError::when(what)),
            Err(elapsed) => Err(SqsQueueError::unreachable(what, elapsed.into())),
        }
    }
}

fn cannot(what: &'static str, why: BoxError) -> SqsQueueError {
    SqsQueueError::unreachable(what, why)
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}
