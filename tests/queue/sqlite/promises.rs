//! The tests of every table, the conformance suite, lease renewal while handlers block threads or connections, and extreme
//! durations.

use std::time::Duration;

use ebbtide::BoxError;
use ebbtide::queue::Queue as _;
use ebbtide::testing::queue::{DeadLettered, Promise, Subject, SubjectCounts, Verdict, conforms};
use ebbtide_sqlx::{JobState, NewJob, SqliteQueue};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::Mutex;

use super::place::File;
use crate::blocked::{LEASE, blocked_threads, held_pool, push};
use crate::support::{EXTREMES, consume, next, no_jobs_for};
use crate::table::Place as _;

crate::table::all_tests!(File);

// The conformance suite.

struct Jobs {
    file: File,
    /// Has a separate pool, as another process would.
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

    async fn job_counts(&self) -> Result<SubjectCounts, BoxError> {
        let counts = "SELECT COUNT(*) FILTER (WHERE due_at IS NOT NULL AND NOT leased),
            COUNT(*) FILTER (WHERE leased), COUNT(*) FILTER (WHERE dead_lettered_at IS NOT NULL) FROM ebbtide_jobs";
        let (waiting, leased, dead_lettered): (u32, u32, u32) =
            sqlx::query_as(counts).fetch_one(self.pool()).await?;
        Ok(SubjectCounts {
            waiting: waiting.into(),
            leased: Some(leased.into()),
            dead_lettered: dead_lettered.into(),
        })
    }

    async fn dead_lettered(&self) -> Result<Vec<DeadLettered>, BoxError> {
        let dead_lettered = self.producer.list(JobState::DeadLettered, 100).await?;
        Ok(dead_lettered
            .into_iter()
            .map(|job| DeadLettered { payload: job.payload, error: job.error })
            .collect())
    }

    /// Begins a write transaction that stays open.
    async fn disconnect(&self) -> Result<bool, BoxError> {
        *self.writing.lock().await = Some(self.pool().begin_with("BEGIN IMMEDIATE").await?);
        Ok(true)
    }

    async fn reconnect(&self) -> Result<(), BoxError> {
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

// Lease renewal while handlers block threads or connections.

blocked_threads!(File::new().await, async |file: &File| file.queue().await.lease_for(LEASE), push);

async fn small(file: &File) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file.path()).create_if_missing(true);
    let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(30));
    pool.connect_with(options).await.unwrap()
}

held_pool!(File::new().await, small, |pool| SqliteQueue::new(pool, "jobs").lease_for(LEASE));

/// Another connection sees a different database if it is private, and the same one if it is shared. Renewals use the right one.
#[tokio::test]
async fn a_lease_in_memory_is_renewed() {
    let private = SqliteConnectOptions::new().filename(":memory:");
    let shared: SqliteConnectOptions = "sqlite::memory:".parse().unwrap();
    // Much longer than the time between two renewals, even on a busy machine.
    let lease = Duration::from_secs(4);
    let renewed = async |options| {
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let queue = SqliteQueue::new(pool, "jobs").lease_for(lease);
        queue.create().await.unwrap();
        queue.push("job").await.unwrap();
        let job = next(&queue).await;
        for _ in 0..6 {
            no_jobs_for(&queue, 1000).await;
            queue.extend(std::slice::from_ref(&job.receipt)).await.unwrap();
        }
        no_jobs_for(&queue, 1000).await;
        assert_eq!(next(&queue).await.attempt, 2, "redelivered after the last renewal");
        queue.close().await.unwrap();
    };
    tokio::join!(renewed(private), renewed(shared));
}

// Extreme durations.

#[tokio::test]
async fn extreme_durations_do_not_break_the_shutdown() {
    let place = File::new().await;
    let settings: [fn(SqliteQueue, Duration) -> SqliteQueue; 2] =
        [SqliteQueue::lease_for, SqliteQueue::poll_every];
    for (at, set) in settings.into_iter().enumerate() {
        for (nth, value) in EXTREMES.into_iter().enumerate() {
            let queue = set(place.queue_named(&format!("{at}-{nth}")).await, value);
            queue.push(NewJob::from("later").after(value)).await.unwrap();
            queue.push(NewJob::from("now")).await.unwrap();
            let tally = consume(queue).await;
            assert!(tally.taken > 0, "{at} {value:?}: {tally:?}");
        }
    }
}
