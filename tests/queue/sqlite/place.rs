use std::path::PathBuf;
use std::time::Duration;

use ebbtide_sqlx::SqliteQueue;
use futures_util::future::join_all;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tempfile::TempDir;

use crate::table::{Place, rows};

/// A database file. It is deleted on drop.
pub(super) struct File {
    folder: TempDir,
}

impl File {
    pub(super) async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("jobs.db")
    }

    pub(super) async fn pool(&self, busy_timeout: Duration) -> SqlitePool {
        let options = SqliteConnectOptions::new()
            .filename(self.path())
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(busy_timeout);
        SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap()
    }
}

rows!(SqliteQueue);

impl Place for File {
    type Queue = SqliteQueue;

    async fn queue_named(&self, name: &str) -> SqliteQueue {
        let queue = SqliteQueue::new(self.pool(Duration::from_secs(10)).await, name);
        queue.create().await.unwrap();
        queue
    }

    async fn hold_all(queue: &SqliteQueue) -> Vec<Box<dyn Send>> {
        let mut held: Vec<Box<dyn Send>> = Vec::new();
        for _ in 0..queue.pool().options().get_max_connections() {
            held.push(Box::new(queue.pool().acquire().await.unwrap()));
        }
        held
    }

    async fn close(queue: SqliteQueue) {
        queue.pool().close().await;
    }

    async fn several_make_it(&self, count: usize) -> Vec<SqliteQueue> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let open = async || SqliteQueue::open(folder.join("jobs.db"), "jobs").await.unwrap();
        join_all((0..count).map(|_| open())).await
    }
}
