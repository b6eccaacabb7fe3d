//! What keeps leases, whatever the handlers use up.

use std::time::Duration;

use ebbtide::queue::Queue as _;
use ebbtide_sqlx::SqliteQueue;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::place::File;
use crate::blocked::{LEASE, blocked_threads, held_pool, push};
use crate::support::{next, no_jobs_for};
use crate::table::Place as _;

blocked_threads!(File::new().await, async |file: &File| file.queue().await.lease_for(LEASE), push);

async fn small(file: &File) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file.path()).create_if_missing(true);
    let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(30));
    pool.connect_with(options).await.unwrap()
}

held_pool!(File::new().await, small, |pool| SqliteQueue::new(pool, "jobs").lease_for(LEASE));

/// Another connection sees another database there, or the same one: renewals find the right one.
#[tokio::test]
async fn a_lease_in_memory_is_renewed() {
    let private = SqliteConnectOptions::new().filename(":memory:");
    let shared: SqliteConnectOptions = "sqlite::memory:".parse().unwrap();
    // Far longer than the time between two renewals, on a busy machine too.
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
        assert_eq!(next(&queue).await.attempt, 2, "and comes again when it is renewed no more");
        queue.close().await.unwrap();
    };
    tokio::join!(renewed(private), renewed(shared));
}
