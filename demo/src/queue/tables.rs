//! Queues in a table: of SQLite, and of PostgreSQL.

pub(super) mod sqlite {
    use std::path::Path;

    use ebbtide::BoxError;
    use ebbtide_sqlx::SqliteQueue;
    use sqlx::sqlite::SqlitePoolOptions;

    use crate::queue::any::Broker;
    use crate::queue::{AnyQueue, Left, QueuePlace};
    use crate::store::sqlite_options;

    /// Opens the queue, and creates its table if it is missing.
    pub(crate) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
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

        /// No handler holds a connection of this pool, which is the queue's own: one is always left to settle jobs.
        fn limited(&self, _concurrency: usize) -> Option<String> {
            None
        }

        async fn disconnect(&self) -> Result<(), BoxError> {
            self.pool().close().await;
            Ok(())
        }
    }
}

#[cfg(feature = "postgres")]
pub(super) mod postgres {
    use std::time::Duration;

    use ebbtide::BoxError;
    use ebbtide_sqlx::PostgresQueue;
    use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
    use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

    use crate::queue::any::Broker;
    use crate::queue::{AnyQueue, Left, QueuePlace};

    /// Opens the queue, and creates its schema and its table if they are missing.
    pub(crate) async fn open(place: &QueuePlace) -> Result<AnyQueue, BoxError> {
        let mut first = options(place)?.connect().await?;
        // IF NOT EXISTS alone does not protect several services that start at once.
        let made = first.execute("DO $$ BEGIN PERFORM pg_advisory_xact_lock(3906249772); CREATE SCHEMA IF NOT EXISTS ebbtide_demo; END $$").await;
        first.close().await?;
        made?;
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options(place)?)
            .await?;
        let queue = PostgresQueue::new(pool, &*place.name).lease_for(place.lease);
        queue.create().await?;
        Ok(AnyQueue::new(queue))
    }

    /// Removes the jobs of the queue.
    pub(crate) async fn remove(place: &QueuePlace) -> Result<(), BoxError> {
        let mut connection = options(place)?.connect().await?;
        let query = sqlx::query("DELETE FROM ebbtide_jobs WHERE queue = $1").bind(&place.name);
        let removed = query.execute(&mut connection).await;
        // Close in order even if there is no table: a dropped session would count as abandoned by the service under rehearsal.
        connection.close().await?;
        removed?;
        Ok(())
    }

    /// Selects the schema that holds the demo's jobs.
    fn options(place: &QueuePlace) -> Result<PgConnectOptions, sqlx::Error> {
        let options: PgConnectOptions = place.url.parse()?;
        Ok(options.options([("search_path", "ebbtide_demo")]))
    }

    impl Broker for PostgresQueue {
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

        /// No handler holds a connection of this pool, which is the queue's own: one is always left to settle jobs.
        fn limited(&self, _concurrency: usize) -> Option<String> {
            None
        }

        async fn disconnect(&self) -> Result<(), BoxError> {
            self.pool().close().await;
            Ok(())
        }
    }
}
#[cfg(not(feature = "postgres"))]
pub(super) use super::place::unsupported as postgres;
