use std::path::PathBuf;
use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::nats::NatsQueue;
use ebbtide::queue::postgres::PostgresQueue;
use ebbtide::queue::rabbitmq::RabbitQueue;
use ebbtide::queue::redis::RedisQueue;
use ebbtide::queue::sqlite::SqliteQueue;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Executor as _};

use super::onlooker::Onlooker;
use super::{AnyQueue, QueueKind};

/// The schema in PostgreSQL that everything of ours is in.
pub(super) const SCHEMA: &str = "ebbtide_demo";

/// Where a queue is.
#[derive(Clone, Debug)]
pub struct QueuePlace {
    /// The broker.
    pub kind: QueueKind,
    /// Its address, or the path of SQLite's file.
    pub url: String,
    /// The queue's name there.
    pub name: String,
    /// How long a consumer that says nothing keeps its jobs, where that has a limit.
    pub lease: Duration,
}

impl QueuePlace {
    /// Opens it, and makes it if it is missing.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached, or refuses.
    pub async fn open(&self) -> Result<AnyQueue, BoxError> {
        Ok(match self.kind {
            QueueKind::Sqlite => AnyQueue::from(self.sqlite().await?),
            QueueKind::Postgres => AnyQueue::from(self.postgres().await?),
            QueueKind::Redis => {
                let builder = RedisQueue::builder(&self.name).url(&self.url).lease(self.lease);
                AnyQueue::from(builder.open().await?)
            }
            QueueKind::Rabbitmq => {
                let queue = RabbitQueue::builder(&self.name).url(&self.url).open().await?;
                AnyQueue::rabbitmq(queue, Onlooker::new(&self.url))
            }
            QueueKind::Nats => {
                let client = self.nats().await?;
                let builder = NatsQueue::builder(&self.name).client(client.clone()).lease(self.lease);
                AnyQueue::nats(builder.open().await?, client)
            }
            #[cfg(feature = "sqs")]
            QueueKind::Sqs => AnyQueue::from(super::sqs::open(self).await?),
        })
    }

    pub(super) async fn nats(&self) -> Result<async_nats::Client, BoxError> {
        let options = async_nats::ConnectOptions::new().name(format!("ebbtide-demo {}", self.name));
        Ok(options.connect(&self.url).await?)
    }

    async fn sqlite(&self) -> Result<SqliteQueue, BoxError> {
        // As the orders beside it: a commit survives the process's death, and doesn't wait for the disk.
        let options = SqliteConnectOptions::new()
            .filename(PathBuf::from(&self.url))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        let queue = SqliteQueue::new(pool, &*self.name).lease_for(self.lease);
        queue.create().await?;
        Ok(queue)
    }

    async fn postgres(&self) -> Result<PostgresQueue, BoxError> {
        let options: PgConnectOptions = self.url.parse()?;
        let options = options.options([("search_path", SCHEMA)]);
        let mut first = options.connect().await?;
        // IF NOT EXISTS alone is no protection against several that start at once.
        first.execute("DO $$ BEGIN PERFORM pg_advisory_xact_lock(3906249772); CREATE SCHEMA IF NOT EXISTS ebbtide_demo; END $$").await?;
        sqlx::Connection::close(first).await?;
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await?;
        let queue = PostgresQueue::new(pool, &*self.name).lease_for(self.lease);
        queue.create().await?;
        Ok(queue)
    }
}
