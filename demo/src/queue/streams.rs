//! Queues in a stream: of Redis, and of NATS.

#[cfg(feature = "redis")]
pub(super) mod redis {
    use ebbtide::BoxError;
    use ebbtide_redis::RedisQueue;

    use crate::queue::any::Broker;
    use crate::queue::{AnyQueue, Left, QueuePlace};

    /// Opens the queue, and creates its stream if it is missing.
    pub(crate) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
        let builder = RedisQueue::builder(&place.name).url(&place.url).lease(place.lease);
        Ok(AnyQueue::new(builder.open().await?))
    }

    /// Removes the stream and what belongs to it.
    pub(crate) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
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
}
#[cfg(not(feature = "redis"))]
pub(super) use super::place::unsupported as redis;

#[cfg(feature = "nats")]
pub(super) mod nats {
    use async_nats::{Client, ConnectOptions};
    use ebbtide::BoxError;
    use ebbtide_nats::NatsQueue;

    use crate::queue::any::Broker;
    use crate::queue::{AnyQueue, Left, QueuePlace};

    /// The connection belongs to the demo, not to the queue: pushes continue when the consumer has closed.
    #[derive(Debug)]
    struct Nats {
        queue: NatsQueue,
        client: Client,
    }

    /// Opens the queue, and creates its stream if it is missing.
    pub(crate) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
        let client = connect(place).await?;
        let builder = NatsQueue::builder(&place.name).client(client.clone()).lease(place.lease);
        Ok(AnyQueue::new(Nats { queue: builder.open().await?, client }))
    }

    /// Removes the stream and that of the jobs that failed for good.
    pub(crate) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
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
}
#[cfg(not(feature = "nats"))]
pub(super) use super::place::unsupported as nats;
