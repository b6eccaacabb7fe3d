use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::Semaphore;

use super::{Pool, Store, statements};

/// Readers don't wait for the writer (WAL), and a commit doesn't wait for the disk: it survives the process's death, and
/// that is what the demo is about. A machine that loses its power would need `synchronous=FULL`.
pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
}

/// Opens the file, and creates the table if it is missing.
pub(super) async fn open(file: &Path) -> Result<Store, sqlx::Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options(file))
        .await?;
    pool.execute(statements::SQLITE.create).await?;
    // It has one writer at a time, which the others await by sleeping: better to queue here.
    let writers = Arc::new(Semaphore::new(1));
    Ok(Store { pool: Pool::Sqlite(pool), statements: &statements::SQLITE, writers })
}

/// Reads the state of each order in a file that exists.
pub(super) async fn states(file: &Path) -> Result<HashMap<String, String>, sqlx::Error> {
    let mut connection = options(file).create_if_missing(false).connect().await?;
    let rows: Vec<(String, String)> =
        sqlx::query_as(statements::SQLITE.states).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(rows.into_iter().collect())
}
