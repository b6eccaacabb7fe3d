//! Queues in a stream: Redis and NATS.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, Message};
use ebbtide::BoxError;
use ebbtide_nats::NatsQueue;
use ebbtide_redis::RedisQueue;
use futures_util::TryStreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};

use super::broker::{Broker, Confirmed, PlainClient, Work, own_name, server};

const GROUP: &str = "workers";

/// The reply to `XREADGROUP`: streams with their entries, and entries with their fields.
type Answer = Vec<(String, Vec<(String, Vec<(String, Vec<u8>)>)>)>;

/// A separate stream.
pub(super) struct Redis {
    client: Client,
    key: String,
    queue: Arc<RedisQueue>,
}

impl Broker for Redis {
    type Queue = Arc<RedisQueue>;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let client = Client::open(server("EBBTIDE_TEST_REDIS", "redis://127.0.0.1:6379"))?;
        let key = own_name();
        let queue = RedisQueue::builder(&key).client(client.clone()).group(GROUP).open().await?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut fill = redis::pipe();
        for _ in 0..jobs {
            fill.cmd("XADD").arg(&key).arg("*").arg("payload").arg("").ignore();
        }
        fill.query_async::<()>(&mut connection).await?;
        Ok(Self { client, key, queue: Arc::new(queue) })
    }

    fn queue(&self) -> Arc<RedisQueue> {
        Arc::clone(&self.queue)
    }

    async fn hand_written(&self, work: &Work, places: usize, _: Confirmed) -> Result<(), BoxError> {
        let stream = Stream {
            // A blocking read needs a separate connection.
            reader: self.client.get_multiplexed_async_connection().await?,
            connection: self.client.get_multiplexed_async_connection().await?,
            key: Arc::from(self.key.as_str()),
        };
        stream.empty_the_queue(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        Ok(cmd("XLEN").arg(&self.key).query_async(&mut connection).await?)
    }

    async fn remove(self) -> Result<(), BoxError> {
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        Ok(cmd("DEL").arg(&self.key).query_async(&mut connection).await?)
    }
}

#[derive(Clone)]
struct Stream {
    reader: MultiplexedConnection,
    connection: MultiplexedConnection,
    key: Arc<str>,
}

impl PlainClient for Stream {
    /// The entry's id, and its fields.
    type Job = (String, Vec<(String, Vec<u8>)>);

    async fn take(&mut self, max: usize) -> Result<Vec<Self::Job>, BoxError> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg("by-hand").arg("COUNT").arg(max);
        read.arg("BLOCK").arg(1000).arg("STREAMS").arg(&*self.key).arg(">");
        let answer: Option<Answer> = read.query_async(&mut self.reader).await?;
        Ok(answer.into_iter().flatten().flat_map(|(_, entries)| entries).collect())
    }

    async fn ack(mut self, (id, _fields): Self::Job) -> Result<(), BoxError> {
        let mut ack = redis::pipe();
        ack.cmd("XACK").arg(&*self.key).arg(GROUP).arg(&id).cmd("XDEL").arg(&*self.key).arg(&id);
        let (acked, _deleted): (u64, u64) = ack.query_async(&mut self.connection).await?;
        if acked == 1 { Ok(()) } else { Err("the lease was lost".into()) }
    }
}

/// The maximum number of messages that are published at once without confirmation.
const FILLING: usize = 500;

/// A separate stream.
pub(super) struct Nats {
    name: String,
    context: jetstream::Context,
    queue: NatsQueue,
}

impl Broker for Nats {
    type Queue = NatsQueue;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let (name, url) = (own_name(), server("EBBTIDE_TEST_NATS", "nats://127.0.0.1:4222"));
        let context = jetstream::new(async_nats::connect(&url).await?);
        let queue = NatsQueue::builder(&name).url(url).open().await?;
        for begin in (0..jobs).step_by(FILLING) {
            let mut stored = Vec::with_capacity(FILLING);
            for _ in begin..jobs.min(begin + u32::try_from(FILLING)?) {
                stored.push(context.publish(name.clone(), "".into()).await?);
            }
            for stored in stored {
                stored.await?;
            }
        }
        Ok(Self { name, context, queue })
    }

    fn queue(&self) -> NatsQueue {
        self.queue.clone()
    }

    async fn hand_written(&self, work: &Work, places: usize, confirmed: Confirmed) -> Result<(), BoxError> {
        let consumer = self.context.get_consumer_from_stream(&self.name, &self.name).await?;
        Pulling { consumer, confirmed }.empty_the_queue(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        let consumer: PullConsumer = self.context.get_consumer_from_stream(&self.name, &self.name).await?;
        let info = consumer.cached_info();
        Ok(info.num_pending + u64::try_from(info.num_ack_pending)?)
    }

    async fn remove(self) -> Result<(), BoxError> {
        self.context.delete_stream(&self.name).await?;
        self.context.delete_stream(format!("{}-dead", self.name)).await?;
        Ok(())
    }
}

#[derive(Clone)]
struct Pulling {
    consumer: PullConsumer,
    confirmed: Confirmed,
}

impl PlainClient for Pulling {
    type Job = Message;

    async fn take(&mut self, max: usize) -> Result<Vec<Message>, BoxError> {
        let batch = self.consumer.batch().max_messages(max).expires(Duration::from_secs(1)).messages();
        batch.await?.try_collect().await
    }

    async fn ack(self, job: Message) -> Result<(), BoxError> {
        match self.confirmed {
            Confirmed::Yes => job.double_ack().await,
            Confirmed::No => job.ack().await,
        }
    }
}
