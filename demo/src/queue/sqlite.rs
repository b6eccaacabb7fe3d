use std::path::Path;

use ebbtide::BoxError;
use ebbtide_sqlx::SqliteQueue;
use sqlx::sqlite::SqlitePoolOptions;

use super::broker::Broker;
use super::{AnyQueue, Left, QueuePlace};
use crate::store::sqlite_options;

/// Opens the queue, and creates its table if it is missing.
pub(super) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
    let options = sqlite_options(Path::new(&place.url));
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
    let queue = SqliteQueue::new(pool, &*place.name).lease_for(place.lease);
    queue.create().await?;
    Ok(AnyQueue::new(queue))
}

impl Broker for SqliteQueue {
    type Adapter = Self;

    fn adapter(&self) -> &Self {
        self
    }

    async fn push(&self, payload: &[u8]) -> Result<String, BoxError> {
        Ok(Self::push(self, payload).await?.to_string())
    }

    async fn left(&self) -> Result<Left, BoxError> {
        Ok(self.counts().await?.into())
    }

    async fn disconnect(&self) -> Result<(), BoxError> {
        self.pool().close().await;
        Ok(())
    }
}
