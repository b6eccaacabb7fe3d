//! The promises of a queue, one by one.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::testing::queue::{Buried, Census, Promise, Subject, Verdict, conforms};
use ebbtide_sqlx::JobState;
use ebbtide_sqlx::SqliteQueue;
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::Mutex;

use super::place::File;

struct Jobs {
    file: File,
    /// Another process's, as it were.
    producer: SqliteQueue,
    writing: Mutex<Option<Transaction<'static, Sqlite>>>,
}

impl Jobs {
    async fn new() -> Result<Self, BoxError> {
        let file = File::new().await;
        let producer = SqliteQueue::new(file.pool(Duration::from_secs(10)).await, "jobs");
        producer.create().await?;
        Ok(Self { file, producer, writing: Mutex::default() })
    }

    fn pool(&self) -> &SqlitePool {
        self.producer.pool()
    }
}

impl Subject for Jobs {
    type Queue = SqliteQueue;

    async fn open(&self, lease: Duration) -> Result<SqliteQueue, BoxError> {
        let pool = self.file.pool(Duration::from_millis(500)).await;
        Ok(SqliteQueue::new(pool, "jobs").lease_for(lease))
    }

    async fn push(&self, payload: &[u8]) -> Result<(), BoxError> {
        self.producer.push(payload).await?;
        Ok(())
    }

    async fn census(&self) -> Result<Census, BoxError> {
        let census = "SELECT COUNT(*) FILTER (WHERE due_at IS NOT NULL AND NOT leased),
            COUNT(*) FILTER (WHERE leased), COUNT(*) FILTER (WHERE buried_at IS NOT NULL) FROM ebbtide_jobs";
        let (waiting, leased, buried): (u32, u32, u32) =
            sqlx::query_as(census).fetch_one(self.pool()).await?;
        Ok(Census { waiting: waiting.into(), leased: Some(leased.into()), buried: buried.into() })
    }

    async fn buried(&self) -> Result<Vec<Buried>, BoxError> {
        let buried = self.producer.list(JobState::Buried, 100).await?;
        Ok(buried.into_iter().map(|job| Buried { payload: job.payload, error: job.error }).collect())
    }

    /// Somebody writes and doesn't end.
    async fn cut_off(&self) -> Result<bool, BoxError> {
        *self.writing.lock().await = Some(self.pool().begin_with("BEGIN IMMEDIATE").await?);
        Ok(true)
    }

    async fn mend(&self) -> Result<(), BoxError> {
        if let Some(transaction) = self.writing.lock().await.take() {
            transaction.rollback().await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_every_promise() {
    let kept = conforms(Jobs::new).await.unwrap();
    for (promise, verdict) in &kept {
        let applies = *promise != Promise::PrefetchKeepsNothing;
        assert_eq!(*verdict == Verdict::Kept, applies, "{promise:?}: {kept:?}");
    }
}
