use std::path::PathBuf;
use std::sync::Arc;

/// The error of an operation on a [`SqliteQueue`](super::SqliteQueue).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteQueueError {
    /// The file cannot be opened or created. Check that its folder exists and is writable.
    #[error("cannot open the queue in {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: Arc<sqlx::Error>,
    },
    /// The table does not exist. Call [`SqliteQueue::create`](super::SqliteQueue::create) at start-up.
    #[error("cannot {action}: table `ebbtide_jobs` does not exist")]
    NoTable {
        /// The operation that failed.
        action: &'static str,
        /// The error of SQLite.
        source: Arc<sqlx::Error>,
    },
    /// Another connection was writing for longer than SQLite waits.
    ///
    /// Keep write transactions short, or raise the `busy_timeout` of the pool's connections.
    #[error("cannot {action}: database locked for longer than `busy_timeout`")]
    Busy {
        /// The operation that failed.
        action: &'static str,
        /// The error of SQLite.
        source: Arc<sqlx::Error>,
    },
    /// The pool returned no connection.
    ///
    /// If the pool is closed, close it after the consumers and the servers. Otherwise raise its `max_connections`, or hold
    /// connections for less time.
    #[error("cannot {action}: no connection available from the pool")]
    NoConnection {
        /// The operation that failed.
        action: &'static str,
        /// The error of the pool.
        source: Arc<sqlx::Error>,
    },
    /// A statement failed.
    #[error("cannot {action}")]
    Statement {
        /// The operation that failed.
        action: &'static str,
        /// The error of SQLite.
        source: Arc<sqlx::Error>,
    },
}

impl SqliteQueueError {
    /// Returns the function that maps the error of a statement for `action`.
    pub(super) fn when(action: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |error| {
            let kind = Kind::of(&error);
            let source = Arc::new(error);
            match kind {
                Kind::NoTable => Self::NoTable { action, source },
                Kind::Busy => Self::Busy { action, source },
                Kind::NoConnection => Self::NoConnection { action, source },
                Kind::Other => Self::Statement { action, source },
            }
        }
    }
}

/// Returns whether the statement failed because another connection was writing.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(Kind::of(error), Kind::Busy)
}

enum Kind {
    NoTable,
    Busy,
    NoConnection,
    Other,
}

impl Kind {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::NoConnection,
            sqlx::Error::Database(database) => {
                // SQLITE_BUSY and SQLITE_LOCKED: the low byte of the extended code.
                let code = database.code().and_then(|code| code.parse::<u32>().ok());
                match code.map(|code| code & 0xff) {
                    Some(5 | 6) => Self::Busy,
                    _ if database.message() == "no such table: ebbtide_jobs" => Self::NoTable,
                    _ => Self::Other,
                }
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let source = || Arc::new(sqlx::Error::Io(std::io::Error::other("reset")));
        error_form::walk! {
            SqliteQueueError::Open { .. } => SqliteQueueError::Open { path: "/data/jobs.db".into(), source: source() };
            SqliteQueueError::NoTable { .. } => SqliteQueueError::NoTable { action: "settle jobs", source: source() };
            SqliteQueueError::Busy { .. } => SqliteQueueError::Busy { action: "settle jobs", source: source() };
            SqliteQueueError::NoConnection { .. } => SqliteQueueError::NoConnection { action: "settle jobs", source: source() };
            SqliteQueueError::Statement { .. } => SqliteQueueError::Statement { action: "settle jobs", source: source() };
        }
    }
}
