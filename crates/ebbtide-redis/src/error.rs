use std::time::Duration;

use redis::{ErrorKind, RedisError};

/// The error of an operation on a [`RedisQueue`](crate::RedisQueue).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisQueueError {
    /// The URL is invalid. The form is `redis://user:password@host:port/database`.
    #[error("invalid Redis URL: expected redis://user:password@host:port/database")]
    Url(#[source] RedisError),
    /// No server responded in time. Check that Redis runs and is reachable.
    #[error("connection to Redis failed")]
    Unreachable(#[source] RedisError),
    /// The server rejected the credentials, or requires them. The URL has the user and the password.
    #[error("authentication with Redis failed")]
    Credentials(#[source] RedisError),
    /// The user lacks a permission.
    ///
    /// It needs the stream, sorted set and scripting commands on the queue's name and on the two keys that begin with it.
    #[error("permission denied by Redis")]
    PermissionDenied(#[source] RedisError),
    /// The key holds something other than a queue. Give the queue another name.
    #[error("cannot use {key} as a queue: the key holds another type")]
    WrongType {
        /// The key.
        key: String,
        /// The error of Redis.
        source: RedisError,
    },
    /// The server rejects writes. Give it more memory, or fix what keeps it from persisting.
    #[error("write rejected by Redis: out of memory or unable to persist")]
    Full(#[source] RedisError),
    /// The lease is shorter than 100 ms. It is renewed three times in its duration.
    #[error("invalid lease {0:?}: must be at least 100 ms")]
    Lease(Duration),
    /// A consumer was closed with this number of deliveries still pending. They are delivered again when their lease
    /// expires.
    #[error("cannot requeue every delivery: {0} still pending until their lease expires")]
    Pending(u64),
    /// Any other error of the server.
    #[error("Redis command failed")]
    CommandFailed(#[source] RedisError),
}

impl RedisQueueError {
    pub(super) fn new(source: RedisError, key: &str) -> Self {
        if source.is_io_error() || source.is_timeout() || source.is_connection_dropped() {
            return Self::Unreachable(source);
        }
        match (source.kind(), source.code()) {
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
                Self::Credentials(source)
            }
            (_, Some("NOPERM")) => Self::PermissionDenied(source),
            (_, Some("WRONGTYPE")) => Self::WrongType { key: key.to_owned(), source },
            (_, Some("OOM" | "MISCONF")) => Self::Full(source),
            _ => Self::CommandFailed(source),
        }
    }

    /// Returns whether the stream or its group is missing: deleted manually, or lost with a server that had not
    /// persisted it.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::CommandFailed(source) => {
                // A read that blocks while its stream is deleted gets another code than a later read.
                matches!(source.code(), Some("NOGROUP" | "UNBLOCKED"))
                    || source.to_string().contains("NOGROUP")
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let source = || RedisError::from(std::io::Error::other("reset"));
        error_form::walk! {
            RedisQueueError::Url(_) => RedisQueueError::Url(source());
            RedisQueueError::Unreachable(_) => RedisQueueError::Unreachable(source());
            RedisQueueError::Credentials(_) => RedisQueueError::Credentials(source());
            RedisQueueError::PermissionDenied(_) => RedisQueueError::PermissionDenied(source());
            RedisQueueError::WrongType { .. } => RedisQueueError::WrongType { key: "orders".to_owned(), source: source() };
            RedisQueueError::Full(_) => RedisQueueError::Full(source());
            RedisQueueError::Lease(_) => RedisQueueError::Lease(Duration::from_millis(1));
            RedisQueueError::Pending(_) => RedisQueueError::Pending(2);
            RedisQueueError::CommandFailed(_) => RedisQueueError::CommandFailed(source());
        }
    }
}
