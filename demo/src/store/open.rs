use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, Executor as _};
use tokio::sync::Semaphore;

use super::statements::{self, Statements};
use super::{Store, StoreError};

/// What to open, and how.
struct Target {
    database: &'static str,
    url: String,
    /// Run on each new connection.
    set_up: &'static str,
    statements: &'static Statements,
    connections: u32,
    writers: usize,
}

/// Readers don't wait for the writer (WAL), and a commit doesn't wait for the disk: it survives the process's death, and
/// that is what the demo is about. A machine that loses its power would need `synchronous=FULL`.
const SQLITE_SET_UP: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;";

impl Store {
    /// Opens PostgreSQL if `DATABASE_URL` names one, otherwise `orders.db` in `folder`, and makes the table if missing.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let Target { database, url, set_up, statements, connections, writers } = target(folder);
        let failed = |cause| StoreError::Open { database, cause };
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection: &mut AnyConnection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(set_up)).await.map(drop) })
            })
            .connect(&url)
            .await
            .map_err(failed)?;
        pool.execute(sqlx::raw_sql(statements.create)).await.map_err(failed)?;
        tracing::info!("orders are kept in {database}");
        Ok(Self { pool, statements, writers: Arc::new(Semaphore::new(writers)) })
    }
}

/// Returns `DATABASE_URL`, if it names a PostgreSQL.
pub(crate) fn postgres_url() -> Option<String> {
    let is_postgres = |url: &String| url.starts_with("postgres://") || url.starts_with("postgresql://");
    std::env::var("DATABASE_URL").ok().filter(is_postgres)
}

fn target(folder: &Path) -> Target {
    match postgres_url() {
        Some(url) => Target {
            database: "PostgreSQL",
            url,
            set_up: "",
            statements: &statements::POSTGRES,
            connections: 8,
            writers: 8,
        },
        None => Target {
            database: "SQLite",
            url: sqlite_url(&folder.join("orders.db")),
            set_up: SQLITE_SET_UP,
            statements: &statements::SQLITE,
            connections: 4,
            // It has one writer at a time, whom the others wait for by sleeping: better to queue here.
            writers: 1,
        },
    }
}

/// Writes a path as a URL: what is not plain is escaped.
fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                url.push(char::from(*byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(url, "%{byte:02X}")),
        }
    }
    url + "?mode=rwc"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_odd_characters_in_the_url() {
        assert_eq!(
            sqlite_url(Path::new("/a b/50%/c?d#é.db")),
            "sqlite:///a%20b/50%25/c%3Fd%23%C3%A9.db?mode=rwc"
        );
    }
}
