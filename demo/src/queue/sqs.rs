use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::{Client, Config};
use ebbtide::BoxError;
use ebbtide_sqs::SqsQueue;

use super::broker::Broker;
use super::{AnyQueue, Left, QueuePlace};

/// Opens the queue, and creates it if it is missing.
pub(super) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
    let builder = SqsQueue::builder(client(&place.url), &place.name).lease(place.lease);
    Ok(AnyQueue::new(builder.poll(Duration::from_secs(1)).open().await?))
}

/// Removes the queue and that of the jobs that failed for good.
pub(super) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
    let client = client(&place.url);
    for name in [place.name.clone(), format!("{}-dead", place.name)] {
        let found = client.get_queue_url().queue_name(name).send().await?;
        client.delete_queue().set_queue_url(found.queue_url).send().await?;
    }
    Ok(())
}

/// Makes a client of an emulator, which takes any credentials.
fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("any", "any", None, None, "an emulator's"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

impl Broker for SqsQueue {
    type Adapter = Self;

    fn adapter(&self) -> &Self {
        self
    }

    async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
        Ok(Self::push(self, payload).await?)
    }

    async fn left(&self) -> Result<Left, BoxError> {
        Ok(self.counts().await?.into())
    }

    /// Its client has no connection to close.
    async fn disconnect(&self) -> Result<(), BoxError> {
        Ok(())
    }
}
