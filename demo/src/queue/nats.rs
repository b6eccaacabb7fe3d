use async_nats::{Client, ConnectOptions};
use ebbtide::BoxError;
use ebbtide_nats::NatsQueue;

use super::broker::Broker;
use super::{AnyQueue, Left, QueuePlace};

/// The connection belongs to the demo, not to the queue: pushes continue when the consumer has closed.
#[derive(Debug)]
struct Nats {
    queue: NatsQueue,
    client: Client,
}

/// Opens the queue, and creates its stream if it is missing.
pub(super) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
    let client = connect(place).await?;
    let builder = NatsQueue::builder(&place.name).client(client.clone()).lease(place.lease);
    Ok(AnyQueue::new(Nats { queue: builder.open().await?, client }))
}

/// Removes the stream and that of the jobs that failed for good.
pub(super) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
    let context = async_nats::jetstream::new(connect(place).await?);
    for stream in [place.name.clone(), format!("{}-dead", place.name)] {
        context.delete_stream(stream).await?;
    }
    Ok(())
}

async fn connect(place: &QueuePlace) -> Result<Client, BoxError> {
    let options = ConnectOptions::new().name(format!("ebbtide-demo {}", place.name));
    Ok(options.connect(&place.url).await?)
}

impl Broker for Nats {
    type Adapter = NatsQueue;

    fn adapter(&self) -> &NatsQueue {
        &self.queue
    }

    async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
        Ok(self.queue.push(payload).await?)
    }

    async fn left(&self) -> Result<Left, BoxError> {
        Ok(self.queue.counts().await?.into())
    }

    async fn disconnect(&self) -> Result<(), BoxError> {
        Ok(self.client.drain().await?)
    }
}
