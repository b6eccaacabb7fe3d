use ebbtide::BoxError;
use ebbtide::queue::sqlite::SqliteQueue;
use sqlx::SqlitePool;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::broker::Broker;
use super::tasks::{all_ended, make_room};
use super::work::Work;

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

    async fn by_hand(&self, work: &Work, places: usize) -> Result<(), BoxError> {
        let (mut running, mut untaken) = (JoinSet::new(), work.left());
        while untaken > 0 {
            let free = i64::try_from(places - running.len())?;
            let rows: Vec<(i64, i64, Vec<u8>)> =
                sqlx::query_as(LEASE).bind(free).fetch_all(self.queue.pool()).await?;
            untaken -= rows.len();
            for (id, delivery, payload) in rows {
                running.spawn(one(self.queue.pool().clone(), work.clone(), id, delivery, payload));
            }
            make_room(&mut running).await?;
        }
        all_ended(running).await
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

async fn one(pool: SqlitePool, work: Work, id: i64, delivery: i64, payload: Vec<u8>) -> Result<(), BoxError> {
    work.run();
    drop(payload);
    let acked = sqlx::query(ACK).bind(id).bind(delivery).execute(&pool).await?;
    if acked.rows_affected() == 1 { Ok(()) } else { Err("the lease was lost".into()) }
}
