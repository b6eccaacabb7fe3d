//! What differs between the two databases: the connections, the SQL, and how the table is made.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::sync::Semaphore;

use super::Store;

/// The connections to one of the databases. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum DatabasePool {
    Sqlite(SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
}

/// Evaluates an expression for the pool of either database: the statements differ, their use does not.
macro_rules! with_pool {
    ($pools:expr, |$pool:ident| $work:expr) => {
        match $pools {
            $crate::store::DatabasePool::Sqlite($pool) => $work,
            #[cfg(feature = "postgres")]
            $crate::store::DatabasePool::Postgres($pool) => $work,
        }
    };
}

pub(crate) use with_pool;

/// The statements for one database.
#[derive(Debug)]
pub(super) struct Statements {
    create: &'static str,
    pub(super) insert: &'static str,
    pub(super) advance: &'static str,
    pub(super) find: &'static str,
    pub(super) count: &'static str,
    pub(super) without_job: &'static str,
    /// Read by the rehearsal after the service has exited.
    states: &'static str,
}

macro_rules! statements {
    ($table:literal, $create:expr) => {
        Statements {
            create: $create,
            insert: concat!("INSERT INTO ", $table, " (id, item, quantity, state) VALUES ($1, $2, $3, $4)"),
            // An order's state only advances. Its job may run before the push is recorded, and twice after a crash.
            advance: concat!(
                "UPDATE ",
                $table,
                " SET state = $2 WHERE id = $1 AND state <> 'done' AND ($2 <> 'queued' OR state = 'stored')"
            ),
            find: concat!(
                "SELECT id, item, quantity, state, CAST(created_at AS TEXT) AS created_at FROM ",
                $table,
                " WHERE id = $1"
            ),
            count: concat!("SELECT state, COUNT(*) AS orders FROM ", $table, " GROUP BY state"),
            without_job: concat!("SELECT id FROM ", $table, " WHERE state = 'stored' ORDER BY id"),
            states: concat!("SELECT id, state FROM ", $table),
        }
    };
}

const SQLITE: Statements = statements!(
    "orders",
    "CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY, item TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) WITHOUT ROWID"
);

// Several services may start at once, and IF NOT EXISTS alone is not safe against that.
#[cfg(feature = "postgres")]
const POSTGRES: Statements = statements!(
    "ebbtide_demo_orders",
    "DO $$ BEGIN
        PERFORM pg_advisory_xact_lock(3906249771);
        CREATE TABLE IF NOT EXISTS ebbtide_demo_orders (
            id TEXT PRIMARY KEY, item TEXT NOT NULL, quantity INTEGER NOT NULL, state TEXT NOT NULL,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now()
        );
    END $$"
);

/// Readers don't wait for the writer (WAL), and a commit doesn't wait for the disk: it survives the death of the
/// process, which is what the demo shows. Surviving a power failure would require `synchronous=FULL`.
pub(crate) fn sqlite_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
}

/// Opens the file, and creates the table if it is missing.
pub(super) async fn open_sqlite(file: &Path) -> Result<Store, sqlx::Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(sqlite_options(file))
        .await?;
    pool.execute(SQLITE.create).await?;
    // SQLite has one writer at a time, and the others sleep and retry; a semaphore queues them in order.
    let writers = Arc::new(Semaphore::new(1));
    Ok(Store { pool: DatabasePool::Sqlite(pool), statements: &SQLITE, writers })
}

/// Reads the state of each order in a file that exists.
pub(super) async fn sqlite_states(file: &Path) -> Result<HashMap<String, String>, sqlx::Error> {
    let mut connection = sqlite_options(file).create_if_missing(false).connect().await?;
    let rows: Vec<(String, String)> = sqlx::query_as(SQLITE.states).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(rows.into_iter().collect())
}

#[cfg(feature = "postgres")]
const POSTGRES_CONNECTIONS: u32 = 8;

/// Connects, and creates the table if it is missing.
#[cfg(feature = "postgres")]
pub(super) async fn open_postgres(url: &str) -> Result<Store, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(options)
        .await?;
    pool.execute(sqlx::raw_sql(POSTGRES.create)).await?;
    let writers = Arc::new(Semaphore::new(POSTGRES_CONNECTIONS as usize));
    Ok(Store { pool: DatabasePool::Postgres(pool), statements: &POSTGRES, writers })
}

/// Reads the state of each order.
#[cfg(feature = "postgres")]
pub(super) async fn postgres_states(url: &str) -> Result<HashMap<String, String>, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let mut connection = options.connect().await?;
    let rows = sqlx::query_as(POSTGRES.states).fetch_all(&mut connection).await;
    // Close in order even if there is no table: a dropped session would count as abandoned by the service under rehearsal.
    connection.close().await?;
    let rows: Vec<(String, String)> = rows?;
    Ok(rows.into_iter().collect())
}

/// Replaces PostgreSQL in a build that has no client for it.
#[cfg(not(feature = "postgres"))]
pub(super) async fn open_postgres(_url: &str) -> Result<Store, sqlx::Error> {
    Err(missing_postgres())
}

#[cfg(not(feature = "postgres"))]
pub(super) async fn postgres_states(_url: &str) -> Result<HashMap<String, String>, sqlx::Error> {
    Err(missing_postgres())
}

#[cfg(not(feature = "postgres"))]
fn missing_postgres() -> sqlx::Error {
    sqlx::Error::Configuration(crate::MissingFeature::new("DATABASE_URL", "postgres").into())
}
