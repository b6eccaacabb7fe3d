use std::sync::Arc;
use std::time::Duration;

use ebbtide::queue::nats::NatsQueue;
use ebbtide::queue::postgres::PostgresQueue;
use ebbtide::queue::rabbitmq::RabbitQueue;
use ebbtide::queue::redis::RedisQueue;
use ebbtide::queue::sqlite::SqliteQueue;
#[cfg(feature = "sqs")]
use ebbtide::queue::sqs::SqsQueue;
use ebbtide::queue::{Delivery, JobCounts, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};

use super::onlooker::Onlooker;
use super::receipt::any;
use super::{AnyReceipt, Left};

/// A queue on one of the brokers. Cheap to clone; a clone is for those who push.
#[derive(Clone, Debug)]
pub struct AnyQueue {
    which: Which,
}

#[derive(Clone, Debug)]
enum Which {
    Sqlite(SqliteQueue),
    Postgres(PostgresQueue),
    Redis(Arc<RedisQueue>),
    /// Beside it whoever counts, which is not the queue's affair.
    Rabbitmq(RabbitQueue, Arc<Onlooker>),
    /// The connection is ours, not the queue's: those who push go on when the consumer has closed.
    Nats(Arc<NatsQueue>, Arc<async_nats::Client>),
    #[cfg(feature = "sqs")]
    Sqs(Arc<SqsQueue>),
}

impl AnyQueue {
    pub(super) fn rabbitmq(queue: RabbitQueue, onlooker: Onlooker) -> Self {
        Self { which: Which::Rabbitmq(queue, Arc::new(onlooker)) }
    }

    pub(super) fn nats(queue: NatsQueue, client: async_nats::Client) -> Self {
        Self { which: Which::Nats(Arc::new(queue), Arc::new(client)) }
    }

    /// Pushes a job, and returns its id when the broker has stored it.
    ///
    /// # Errors
    ///
    /// When the broker does not take it.
    pub async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
        Ok(match &self.which {
            Which::Sqlite(queue) => queue.push(payload).await?.to_string(),
            Which::Postgres(queue) => queue.push(payload).await?.to_string(),
            Which::Redis(queue) => queue.push(payload).await?,
            Which::Rabbitmq(queue, _) => queue.push(payload).await?,
            Which::Nats(queue, _) => queue.push(payload).await?,
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => queue.push(payload).await?,
        })
    }

    /// Counts what is in it. `RabbitMQ` tells neither what consumers have nor what waits for the time of its next attempt; NATS
    /// counts the latter as leased.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    pub async fn left(&self) -> Result<Left, BoxError> {
        let JobCounts { waiting, leased, buried, .. } = match &self.which {
            Which::Sqlite(queue) => queue.counts().await?,
            Which::Postgres(queue) => queue.counts().await?,
            Which::Redis(queue) => queue.counts().await?,
            Which::Rabbitmq(queue, onlooker) => {
                let waiting = onlooker.ready(queue.name()).await?;
                let buried = onlooker.ready(&queue.dead_name()).await?;
                return Ok(Left { waiting, leased: None, buried });
            }
            Which::Nats(queue, _) => queue.counts().await?,
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => queue.counts().await?,
        };
        Ok(Left { waiting, leased: Some(leased), buried })
    }

    /// Closes the connections that outlive a consumer: the pools of the SQL databases, and those of who pushes. Called when all
    /// have stopped.
    ///
    /// # Errors
    ///
    /// When the broker was not told of the end; it sees then that we are gone, and nothing is lost.
    pub async fn disconnect(&self) -> Result<(), BoxError> {
        match &self.which {
            Which::Sqlite(queue) => queue.pool().close().await,
            Which::Postgres(queue) => queue.pool().close().await,
            Which::Redis(_) => {}
            Which::Rabbitmq(queue, onlooker) => {
                let closed = queue.close().await;
                onlooker.close().await?;
                closed?;
            }
            Which::Nats(_, client) => client.drain().await?,
            #[cfg(feature = "sqs")]
            Which::Sqs(_) => {}
        }
        Ok(())
    }
}

impl From<SqliteQueue> for AnyQueue {
    fn from(queue: SqliteQueue) -> Self {
        Self { which: Which::Sqlite(queue) }
    }
}

impl From<PostgresQueue> for AnyQueue {
    fn from(queue: PostgresQueue) -> Self {
        Self { which: Which::Postgres(queue) }
    }
}

impl From<RedisQueue> for AnyQueue {
    fn from(queue: RedisQueue) -> Self {
        Self { which: Which::Redis(Arc::new(queue)) }
    }
}

#[cfg(feature = "sqs")]
impl From<SqsQueue> for AnyQueue {
    fn from(queue: SqsQueue) -> Self {
        Self { which: Which::Sqs(Arc::new(queue)) }
    }
}

/// A receipt of another broker than the queue's: it cannot come from it.
const FOREIGN: &str = "the receipt is another queue's";

impl Queue for AnyQueue {
    type Receipt = AnyReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<AnyReceipt>>, BoxError> {
        Ok(match &self.which {
            Which::Sqlite(queue) => any(queue.fetch(max, stop).await?),
            Which::Postgres(queue) => any(queue.fetch(max, stop).await?),
            Which::Redis(queue) => any(queue.fetch(max, stop).await?),
            Which::Rabbitmq(queue, _) => any(queue.fetch(max, stop).await?),
            Which::Nats(queue, _) => any(queue.fetch(max, stop).await?),
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => any(queue.fetch(max, stop).await?),
        })
    }

    fn prefetch(&self, allowed: bool) -> bool {
        match &self.which {
            Which::Sqlite(queue) => queue.prefetch(allowed),
            Which::Postgres(queue) => queue.prefetch(allowed),
            Which::Redis(queue) => queue.prefetch(allowed),
            Which::Rabbitmq(queue, _) => queue.prefetch(allowed),
            Which::Nats(queue, _) => queue.prefetch(allowed),
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => queue.prefetch(allowed),
        }
    }

    async fn settle(&self, receipt: &AnyReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        match (&self.which, receipt) {
            (Which::Sqlite(queue), AnyReceipt::Lease(receipt)) => queue.settle(receipt, settlement).await,
            (Which::Postgres(queue), AnyReceipt::Lease(receipt)) => queue.settle(receipt, settlement).await,
            (Which::Redis(queue), AnyReceipt::Redis(receipt)) => queue.settle(receipt, settlement).await,
            (Which::Rabbitmq(queue, _), AnyReceipt::Rabbitmq(receipt)) => {
                queue.settle(receipt, settlement).await
            }
            (Which::Nats(queue, _), AnyReceipt::Nats(receipt)) => queue.settle(receipt, settlement).await,
            #[cfg(feature = "sqs")]
            (Which::Sqs(queue), AnyReceipt::Sqs(receipt)) => queue.settle(receipt, settlement).await,
            _ => Err(FOREIGN.into()),
        }
    }

    fn lease(&self) -> Option<Duration> {
        match &self.which {
            Which::Sqlite(queue) => queue.lease(),
            Which::Postgres(queue) => queue.lease(),
            Which::Redis(queue) => queue.lease(),
            Which::Rabbitmq(queue, _) => queue.lease(),
            Which::Nats(queue, _) => Queue::lease(queue),
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => queue.lease(),
        }
    }

    async fn extend(&self, receipts: &[AnyReceipt]) -> Result<(), BoxError> {
        let leases = || receipts.iter().filter_map(AnyReceipt::lease).collect::<Vec<_>>();
        match &self.which {
            Which::Sqlite(queue) => queue.extend(&leases()).await,
            Which::Postgres(queue) => queue.extend(&leases()).await,
            Which::Redis(queue) => {
                queue.extend(&receipts.iter().filter_map(AnyReceipt::redis).collect::<Vec<_>>()).await
            }
            Which::Rabbitmq(..) => Ok(()),
            Which::Nats(queue, _) => {
                queue.extend(&receipts.iter().filter_map(AnyReceipt::nats).collect::<Vec<_>>()).await
            }
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => {
                queue.extend(&receipts.iter().filter_map(AnyReceipt::sqs).collect::<Vec<_>>()).await
            }
        }
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<AnyReceipt>>, BoxError> {
        Ok(match &self.which {
            Which::Sqlite(queue) => any(queue.withdraw().await?),
            Which::Postgres(queue) => any(queue.withdraw().await?),
            Which::Redis(queue) => any(queue.withdraw().await?),
            Which::Rabbitmq(queue, _) => any(queue.withdraw().await?),
            Which::Nats(queue, _) => any(queue.withdraw().await?),
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => any(queue.withdraw().await?),
        })
    }

    async fn close(&self) -> Result<(), BoxError> {
        match &self.which {
            Which::Sqlite(queue) => queue.close().await,
            Which::Postgres(queue) => queue.close().await,
            Which::Redis(queue) => queue.close().await,
            Which::Rabbitmq(queue, _) => queue.close().await,
            Which::Nats(queue, _) => queue.close().await,
            #[cfg(feature = "sqs")]
            Which::Sqs(queue) => queue.close().await,
        }
    }
}
