use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::{Client, Config};
use ebbtide::BoxError;
use ebbtide::queue::sqs::SqsQueue;

use super::QueuePlace;

pub(super) async fn open(place: &QueuePlace) -> Result<SqsQueue, BoxError> {
    let builder = SqsQueue::builder(client(&place.url), &place.name).lease(place.lease);
    Ok(builder.poll(Duration::from_secs(1)).open().await?)
}

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
