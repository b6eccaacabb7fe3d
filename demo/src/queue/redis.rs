use ebbtide::BoxError;
use ebbtide_redis::RedisQueue;

use super::broker::Broker;
use super::{AnyQueue, Left, QueuePlace};

/// Opens the queue, and creates its stream if it is missing.
pub(super) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
    let builder = RedisQueue::builder(&place.name).url(&place.url).lease(place.lease);
    Ok(AnyQueue::new(builder.open().await?))
}

/// Removes the stream and what belongs to it.
pub(super) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
    let client = redis::Client::open(&*place.url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let keys = [place.name.clone(), format!("{}:delayed", place.name), format!("{}:dead", place.name)];
    let () = redis::cmd("DEL").arg(&keys).query_async(&mut connection).await?;
    Ok(())
}

impl Broker for RedisQueue {
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

    /// The adapter has no connection that outlives its consumer.
    async fn disconnect(&self) -> Result<(), BoxError> {
        Ok(())
    }
}
