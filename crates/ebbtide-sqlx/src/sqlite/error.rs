use std::path::PathBuf;
use std::sync::Arc;

/// SQLite did not do what the queue asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteQueueError {
    /// The file cannot be opened or made.
    #[error("open the queue in {}: is its folder there, and may it be written to?", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: Arc<sqlx::Error>,
    },
    /// The table was not made.
    #[error("{action}: there is no table of jobs; call `SqliteQueue::create` at start-up")]
    NoTable {
        /// What was being done.
        action: &'static str,
        /// What SQLite said.
        source: Arc<sqlx::Error>,
    },
    /// Somebody else was writing for longer than SQLite waits.
    #[error(
        "{action}: the database was locked for longer than its `busy_timeout`; \
        keep write transactions short, or raise the timeout of the pool's connections"
    )]
    Busy {
        /// What was being done.
        action: &'static str,
        /// What SQLite said.
        source: Arc<sqlx::Error>,
    },
    /// The pool has no connection to give.
    #[error(
        "{action}: the pool gave no connection; if it is closed, close it after the consumers and the servers, \
        otherwise raise its `max_connections`, or hold connections for less long"
    )]
    NoConnection {
        /// What was being done.
        action: &'static str,
        /// What the pool said.
        source: Arc<sqlx::Error>,
    },
    /// A statement failed.
    #[error("{action}")]
    Statement {
        /// What was being done.
        action: &'static str,
        /// What SQLite said.
        source: Arc<sqlx::Error>,
    },
}

impl SqliteQueueError {
    /// Makes the mapping for a statement that was to do `action`.
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

/// Tells whether it is that somebody else was writing.
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
