//! Queues in a table: SQLite and PostgreSQL.

use ebbtide::BoxError;
use ebbtide_sqlx::{PostgresQueue, SqliteQueue};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, SqlitePool};
use tempfile::TempDir;

use super::broker::{Broker, Confirmed, PlainClient, Work, own_name, server};

/// What a single-process program would use: marks the oldest unleased jobs as leased.
const SQLITE_LEASE: &str = "UPDATE ebbtide_jobs
    SET leased = 1, deliveries = deliveries + 1, attempts = attempts + 1, due_at = unixepoch() * 1000 + 30000
    WHERE id IN (SELECT id FROM ebbtide_jobs WHERE queue = 'bench' AND due_at <= unixepoch() * 1000 + 999
        ORDER BY due_at, id LIMIT ?1)
    RETURNING id, deliveries, payload";

const SQLITE_ACK: &str = "DELETE FROM ebbtide_jobs WHERE id = ?1 AND deliveries = ?2 AND leased";

/// A queue in a separate file.
pub(super) struct Sqlite {
    /// Removed when this is dropped.
    _folder: TempDir,
    queue: SqliteQueue,
}

impl Broker for Sqlite {
    type Queue = SqliteQueue;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let folder = tempfile::tempdir()?;
        let queue = SqliteQueue::open(folder.path().join("jobs.db"), "bench").await?;
        let mut transaction = queue.pool().begin().await?;
        for _ in 0..jobs {
            queue.push_in(&mut transaction, Vec::new()).await?;
        }
        transaction.commit().await?;
        Ok(Self { _folder: folder, queue })
    }

    fn queue(&self) -> SqliteQueue {
        self.queue.clone()
    }

    async fn hand_written(&self, work: &Work, places: usize, _: Confirmed) -> Result<(), BoxError> {
        SqliteRows(self.queue.pool().clone()).empty_the_queue(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM ebbtide_jobs").fetch_one(self.queue.pool()).await?;
        Ok(left.unsigned_abs())
    }

    async fn remove(self) -> Result<(), BoxError> {
        self.queue.pool().close().await;
        Ok(())
    }
}

#[derive(Clone)]
struct SqliteRows(SqlitePool);

impl PlainClient for SqliteRows {
    /// The row's id, its delivery count, and the payload.
    type Job = (i64, i64, Vec<u8>);

    async fn take(&mut self, max: usize) -> Result<Vec<Self::Job>, BoxError> {
        Ok(sqlx::query_as(SQLITE_LEASE).bind(i64::try_from(max)?).fetch_all(&self.0).await?)
    }

    async fn ack(self, (id, delivery, _payload): Self::Job) -> Result<(), BoxError> {
        let acked = sqlx::query(SQLITE_ACK).bind(id).bind(delivery).execute(&self.0).await?;
        if acked.rows_affected() == 1 { Ok(()) } else { Err("the lease was lost".into()) }
    }
}

const POSTGRES_LEASE: &str =
    "UPDATE ebbtide_jobs SET leased = true, deliveries = deliveries + 1, attempts = attempts + 1,
        due_at = now() + interval '30 seconds'
    WHERE id IN (SELECT id FROM ebbtide_jobs WHERE queue = 'bench' AND due_at <= now()
        ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id, deliveries, payload";

const POSTGRES_ACK: &str = "DELETE FROM ebbtide_jobs WHERE id = $1 AND deliveries = $2 AND leased";

/// A table in a separate schema.
pub(super) struct Postgres {
    schema: String,
    queue: PostgresQueue,
}

impl Broker for Postgres {
    type Queue = PostgresQueue;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let url = server("EBBTIDE_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres");
        let schema = own_name().replace('-', "_");
        let path = format!("SET search_path TO {schema}");
        let options = PgPoolOptions::new().max_connections(10).after_connect(move |connection, _| {
            let path = path.clone();
            Box::pin(async move {
                sqlx::raw_sql(sqlx::AssertSqlSafe(path)).execute(connection).await?;
                Ok(())
            })
        });
        let pool = options.connect(&url).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&pool).await?;
        let queue = PostgresQueue::new(pool, "bench");
        queue.create().await?;
        let fill = "INSERT INTO ebbtide_jobs (queue, payload, due_at) SELECT 'bench', '', now() FROM generate_series(1, $1)";
        sqlx::query(fill).bind(i64::from(jobs)).execute(queue.pool()).await?;
        sqlx::raw_sql("ANALYZE ebbtide_jobs").execute(queue.pool()).await?;
        Ok(Self { schema, queue })
    }

    fn queue(&self) -> PostgresQueue {
        self.queue.clone()
    }

    async fn hand_written(&self, work: &Work, places: usize, _: Confirmed) -> Result<(), BoxError> {
        PostgresRows(self.queue.pool().clone()).empty_the_queue(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM ebbtide_jobs").fetch_one(self.queue.pool()).await?;
        Ok(left.unsigned_abs())
    }

    async fn remove(self) -> Result<(), BoxError> {
        let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
        sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(self.queue.pool()).await?;
        self.queue.pool().close().await;
        Ok(())
    }
}

#[derive(Clone)]
struct PostgresRows(PgPool);

impl PlainClient for PostgresRows {
    /// The row's id, its delivery count, and the payload.
    type Job = (i64, i64, Vec<u8>);

    async fn take(&mut self, max: usize) -> Result<Vec<Self::Job>, BoxError> {
        Ok(sqlx::query_as(POSTGRES_LEASE).bind(i64::try_from(max)?).fetch_all(&self.0).await?)
    }

    async fn ack(self, (id, delivery, _payload): Self::Job) -> Result<(), BoxError> {
        let acked = sqlx::query(POSTGRES_ACK).bind(id).bind(delivery).execute(&self.0).await?;
        if acked.rows_affected() == 1 { Ok(()) } else { Err("the lease was lost".into()) }
    }
}
