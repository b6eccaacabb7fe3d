use std::sync::Arc;

use ebbtide::BoxError;
use ebbtide_redis::RedisQueue;
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};

use super::broker::{Broker, ByHand, Confirmed, Work, own_name, server};

const GROUP: &str = "workers";

/// What `XREADGROUP` answers: the streams, and of each its entries, and of each its fields.
type Answer = Vec<(String, Vec<(String, Vec<(String, Vec<u8>)>)>)>;

/// A stream of its own.
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

    async fn by_hand(&self, work: &Work, places: usize, _: Confirmed) -> Result<(), BoxError> {
        let stream = Stream {
            // A read that blocks needs a connection of its own.
            reader: self.client.get_multiplexed_async_connection().await?,
            connection: self.client.get_multiplexed_async_connection().await?,
            key: Arc::from(self.key.as_str()),
        };
        stream.work_off(work, places).await
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

impl ByHand for Stream {
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
