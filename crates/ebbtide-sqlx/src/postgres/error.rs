use std::sync::Arc;

/// The error of an operation on a [`PostgresQueue`](super::PostgresQueue).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresQueueError {
    /// The table does not exist. Call [`PostgresQueue::create`](super::PostgresQueue::create) at start-up, with the same
    /// `search_path`.
    #[error("cannot {action}: table `ebbtide_jobs` does not exist")]
    NoTable {
        /// The operation that failed.
        action: &'static str,
        /// The error of the server.
        source: Arc<sqlx::Error>,
    },
    /// The pool returned no connection.
    ///
    /// Check that the server responds. If it does, raise `max_connections`, hold connections for less time, and close the
    /// pool last.
    #[error("cannot {action}: no connection available from the pool")]
    NoConnection {
        /// The operation that failed.
        action: &'static str,
        /// The error of the pool.
        source: Arc<sqlx::Error>,
    },
    /// The server could not be reached, or the connection broke during the operation. The operation may have been
    /// carried out.
    ///
    /// Check that the server runs, and that its address and the TLS settings are right.
    #[error("cannot {action}: connection to PostgreSQL failed")]
    Unreachable {
        /// The operation that failed.
        action: &'static str,
        /// The error of the connection.
        source: Arc<sqlx::Error>,
    },
    /// A statement failed.
    #[error("cannot {action}")]
    Statement {
        /// The operation that failed.
        action: &'static str,
        /// The error of the server.
        source: Arc<sqlx::Error>,
    },
}

/// The SQLSTATE of a table that does not exist.
const UNDEFINED_TABLE: &str = "42P01";

impl PostgresQueueError {
    /// Returns the function that maps the error of a statement for `action`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let source = || Arc::new(sqlx::Error::Io(std::io::Error::other("reset")));
        error_form::walk! {
            PostgresQueueError::NoTable { .. } => PostgresQueueError::NoTable { action: "settle jobs", source: source() };
            PostgresQueueError::NoConnection { .. } => PostgresQueueError::NoConnection { action: "settle jobs", source: source() };
            PostgresQueueError::Unreachable { .. } => PostgresQueueError::Unreachable { action: "settle jobs", source: source() };
            PostgresQueueError::Statement { .. } => PostgresQueueError::Statement { action: "settle jobs", source: source() };
        }
    }
}
