use ebbtide::BoxError;
use ebbtide_sqlx::SqliteQueue;
use sqlx::SqlitePool;
use tempfile::TempDir;

use super::broker::{Broker, ByHand, Confirmed, Work};

/// What somebody would write for one process: the oldest that nobody has, marked as taken.
const LEASE: &str = "UPDATE ebbtide_jobs
    SET leased = 1, deliveries = deliveries + 1, attempts = attempts + 1, due_at = unixepoch() * 1000 + 30000
    WHERE id IN (SELECT id FROM ebbtide_jobs WHERE queue = 'bench' AND due_at <= unixepoch() * 1000 + 999
        ORDER BY due_at, id LIMIT ?1)
    RETURNING id, deliveries, payload";

const ACK: &str = "DELETE FROM ebbtide_jobs WHERE id = ?1 AND deliveries = ?2 AND leased";

/// A queue in a file of its own.
pub(super) struct Sqlite {
    /// Removed when it is dropped.
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

    async fn by_hand(&self, work: &Work, places: usize, _: Confirmed) -> Result<(), BoxError> {
        Rows(self.queue.pool().clone()).work_off(work, places).await
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
struct Rows(SqlitePool);

impl ByHand for Rows {
    /// The row, which of its deliveries this is, and the payload.
    type Job = (i64, i64, Vec<u8>);

    async fn take(&mut self, max: usize) -> Result<Vec<Self::Job>, BoxError> {
        Ok(sqlx::query_as(LEASE).bind(i64::try_from(max)?).fetch_all(&self.0).await?)
    }

    async fn ack(self, (id, delivery, _payload): Self::Job) -> Result<(), BoxError> {
        let acked = sqlx::query(ACK).bind(id).bind(delivery).execute(&self.0).await?;
        if acked.rows_affected() == 1 { Ok(()) } else { Err("the lease was lost".into()) }
    }
}
