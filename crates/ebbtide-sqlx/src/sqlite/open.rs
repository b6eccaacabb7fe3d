use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::adapter::clock;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::error::is_busy;
use super::{SqliteQueue, SqliteQueueError};

/// How long to wait for others who write, or who open the file at the same time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl SqliteQueue {
    /// Opens a file, which is made if missing, with a pool of four connections and the settings that suit a queue, and makes
    /// the table if it is missing.
    ///
    /// It is in WAL mode, and a commit is on the disk when it returns (`synchronous = FULL`): what was pushed survives the
    /// loss of power. [`pool`](Self::pool) has it for other tables; its owner closes it. Handlers that
    /// hold a connection while they run need a pool of their own: four of them would leave none to fetch and settle jobs.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or written to.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide_sqlx::SqliteQueue;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("jobs.db");
    /// let emails = SqliteQueue::open(&path, "emails").await?;
    /// emails.push("a@example.org").await?;
    /// assert_eq!(emails.counts().await?.waiting, 1);
    /// emails.pool().close().await;
    /// # Ok::<(), ebbtide::BoxError>(())
    /// # })?;
    /// # Ok::<(), ebbtide::BoxError>(())
    /// ```
    pub async fn open(path: impl AsRef<Path>, name: impl Into<Arc<str>>) -> Result<Self, SqliteQueueError> {
        let path = path.as_ref();
        let failed = |source| SqliteQueueError::Open { path: path.to_owned(), source: Arc::new(source) };
        let queue = Self { opened: true, ..Self::new(connect(path).await.map_err(failed)?, name) };
        queue.create().await?;
        Ok(queue)
    }
}

async fn connect(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT);
    let began = clock::now();
    loop {
        let pool = SqlitePoolOptions::new().max_connections(4);
        match pool.connect_with(options.clone()).await {
            // Who makes the file a WAL one holds it alone for a moment, and `busy_timeout` is not for that.
            Err(error) if is_busy(&error) && began.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ended => return ended,
        }
    }
}
