use std::sync::Arc;
use std::time::Duration;

use ebbtide::queue::postgres::PostgresQueue;
use ebbtide::queue::redis::RedisQueue;
use ebbtide::queue::sqlite::SqliteQueue;
use ebbtide::queue::{Delivery, JobCounts, Queue, Settled, Settlement};
use ebbtide::{BoxError, Stop};

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
}

impl AnyQueue {
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
        })
    }

    /// Counts what is in it.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    pub async fn left(&self) -> Result<Left, BoxError> {
        let JobCounts { waiting, leased, buried, .. } = match &self.which {
            Which::Sqlite(queue) => queue.counts().await?,
            Which::Postgres(queue) => queue.counts().await?,
            Which::Redis(queue) => queue.counts().await?,
        };
        Ok(Left { waiting, leased: Some(leased), buried })
    }

    /// Closes the connections that outlive a consumer: the pools of the SQL databases. Called when all have stopped.
    pub async fn disconnect(&self) {
        match &self.which {
            Which::Sqlite(queue) => queue.pool().close().await,
            Which::Postgres(queue) => queue.pool().close().await,
            Which::Redis(_) => {}
        }
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

/// A receipt of another broker than the queue's: it cannot come from it.
const FOREIGN: &str = "the receipt is another queue's";

impl Queue for AnyQueue {
    type Receipt = AnyReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<AnyReceipt>>, BoxError> {
        Ok(match &self.which {
            Which::Sqlite(queue) => any(queue.fetch(max, stop).await?),
            Which::Postgres(queue) => any(queue.fetch(max, stop).await?),
            Which::Redis(queue) => any(queue.fetch(max, stop).await?),
        })
    }

    async fn settle(&self, receipt: &AnyReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        match (&self.which, receipt) {
            (Which::Sqlite(queue), AnyReceipt::Lease(receipt)) => queue.settle(receipt, settlement).await,
            (Which::Postgres(queue), AnyReceipt::Lease(receipt)) => queue.settle(receipt, settlement).await,
            (Which::Redis(queue), AnyReceipt::Redis(receipt)) => queue.settle(receipt, settlement).await,
            _ => Err(FOREIGN.into()),
        }
    }

    fn lease(&self) -> Option<Duration> {
        match &self.which {
            Which::Sqlite(queue) => queue.lease(),
            Which::Postgres(queue) => queue.lease(),
            Which::Redis(queue) => queue.lease(),
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
        }
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<AnyReceipt>>, BoxError> {
        Ok(match &self.which {
            Which::Sqlite(queue) => any(queue.withdraw().await?),
            Which::Postgres(queue) => any(queue.withdraw().await?),
            Which::Redis(queue) => any(queue.withdraw().await?),
        })
    }

    async fn close(&self) -> Result<(), BoxError> {
        match &self.which {
            Which::Sqlite(queue) => queue.close().await,
            Which::Postgres(queue) => queue.close().await,
            Which::Redis(queue) => queue.close().await,
        }
    }
}
