use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

use super::error::SqsQueueError;
use super::link::answer;

/// 14 days, the most there is.
const RETENTION: &str = "1209600";

/// Returns the URL of a queue, which is made where it is missing.
pub(super) async fn set_up(client: &Client, name: &str) -> Result<String, SqsQueueError> {
    let what = "find the queue";
    let found = answer(what, client.get_queue_url().queue_name(name).send()).await;
    let url = match found {
        Err(error) if error.is_missing() => make(client, name).await?,
        found => found?.queue_url,
    };
    url.ok_or_else(|| SqsQueueError::unreachable(what, "it has no URL".into()))
}

async fn make(client: &Client, name: &str) -> Result<Option<String>, SqsQueueError> {
    let making = client.create_queue().queue_name(name);
    let making = making.attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION);
    let made = answer("make the queue, which is missing", making.send()).await?;
    tracing::info!(name, "made the queue in SQS, which was missing");
    Ok(made.queue_url)
}
