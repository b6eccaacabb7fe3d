use std::sync::Arc;

use ebbtide::BoxError;
use ebbtide::queue::redis::RedisQueue;
use redis::aio::MultiplexedConnection;
use redis::{Client, cmd};
use tokio::task::JoinSet;

use super::broker::Broker;
use super::tasks::{all_ended, make_room};
use super::work::Work;

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
        let url = std::env::var("EBBTIDE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
        let client = Client::open(url)?;
        let key = format!("ebbtide-bench-{}-{:08x}", std::process::id(), fastrand::u32(..));
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

    async fn by_hand(&self, work: &Work, places: usize) -> Result<(), BoxError> {
        // A read that blocks needs a connection of its own.
        let mut reader = self.client.get_multiplexed_async_connection().await?;
        let connection = self.client.get_multiplexed_async_connection().await?;
        let (mut running, mut untaken) = (JoinSet::new(), work.left());
        while untaken > 0 {
            let mut read = cmd("XREADGROUP");
            read.arg("GROUP").arg(GROUP).arg("by-hand").arg("COUNT").arg(places - running.len());
            read.arg("BLOCK").arg(1000).arg("STREAMS").arg(&self.key).arg(">");
            let answer: Option<Answer> = read.query_async(&mut reader).await?;
            for (id, fields) in answer.into_iter().flatten().flat_map(|(_, entries)| entries) {
                untaken -= 1;
                running.spawn(one(connection.clone(), self.key.clone(), work.clone(), id, fields));
            }
            make_room(&mut running).await?;
        }
        all_ended(running).await
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

async fn one(
    mut connection: MultiplexedConnection,
    key: String,
    work: Work,
    id: String,
    fields: Vec<(String, Vec<u8>)>,
) -> Result<(), BoxError> {
    work.run();
    drop(fields);
    let mut ack = redis::pipe();
    ack.cmd("XACK").arg(&key).arg(GROUP).arg(&id).cmd("XDEL").arg(&key).arg(&id);
    let (acked, _deleted): (u64, u64) = ack.query_async(&mut connection).await?;
    if acked == 1 { Ok(()) } else { Err("the lease was lost".into()) }
}
