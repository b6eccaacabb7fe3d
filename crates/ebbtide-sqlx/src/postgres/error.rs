use std::sync::Arc;

/// PostgreSQL did not do what the queue asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresQueueError {
    /// The table was not made.
    #[error(
        "{action}: there is no table of jobs; call `PostgresQueue::create` at start-up, with the same `search_path`"
    )]
    NoTable {
        /// What was being done.
        action: &'static str,
        /// What the server said.
        source: Arc<sqlx::Error>,
    },
    /// The pool has no connection to give.
    #[error(
        "{action}: the pool gave no connection; does the server answer? \
        If it does: raise `max_connections`, or hold connections for less long, and close the pool last"
    )]
    NoConnection {
        /// What was being done.
        action: &'static str,
        /// What the pool said.
        source: Arc<sqlx::Error>,
    },
    /// The server could not be reached, or went away in the midst: what it was told may have been done.
    #[error(
        "{action}: the connection to PostgreSQL failed; is the server running, and are its address and TLS right?"
    )]
    Unreachable {
        /// What was being done.
        action: &'static str,
        /// What went wrong.
        source: Arc<sqlx::Error>,
    },
    /// A statement failed.
    #[error("{action}")]
    Statement {
        /// What was being done.
        action: &'static str,
        /// What the server said.
        source: Arc<sqlx::Error>,
    },
}

/// What the server calls a table that it doesn't know.
const UNDEFINED_TABLE: &str = "42P01";

impl PostgresQueueError {
    /// Makes the mapping for a statement that was to do `action`.
    pub(super) fn when(action: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |error| {
            let source = Arc::new(error);
            match &*source {
                sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::NoConnection { action, source },
                sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Self::Unreachable { action, source },
                sqlx::Error::Database(database) if database.code().as_deref() == Some(UNDEFINED_TABLE) => {
                    Self::NoTable { action, source }
                }
                _ => Self::Statement { action, source },
            }
        }
    }
}
