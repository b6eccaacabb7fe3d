use std::time::Duration;

use redis::{ErrorKind, RedisError};

/// Says why Redis could not be used as a queue.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisQueueError {
    /// The URL cannot be understood.
    #[error("understand the URL of Redis; write it as redis://user:password@host:port/database")]
    Url(#[source] RedisError),
    /// No server answered, or not in time.
    #[error("reach Redis; see that it is running and reachable from here")]
    Unreachable(#[source] RedisError),
    /// The server does not know us.
    #[error("log in to Redis; put the user and the password into the URL")]
    Credentials(#[source] RedisError),
    /// The server does not let us.
    #[error(
        "use Redis; the user needs the stream, sorted set and scripting commands on the queue's name and on \
         the two keys that begin with it"
    )]
    NotAllowed(#[source] RedisError),
    /// The name is taken.
    #[error("use {key} as a queue: there is something else under that key; give the queue another name")]
    Taken {
        /// The key.
        key: String,
        /// What Redis says.
        source: RedisError,
    },
    /// The server takes no more.
    #[error("write to Redis; give it more memory, or see to what keeps it from persisting")]
    Full(#[source] RedisError),
    /// The lease is too short to be kept.
    #[error("use a lease of {0:?}: it is begun anew three times in that time; give it 100 ms or more")]
    Lease(Duration),
    /// A consumer was closed that still has so many deliveries.
    #[error(
        "give back all that Redis had given out: {0} still pending, to come again when their lease has run out"
    )]
    Pending(u64),
    /// Anything else that the server says.
    #[error("use Redis")]
    Refused(#[source] RedisError),
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
            (_, Some("NOPERM")) => Self::NotAllowed(source),
            (_, Some("WRONGTYPE")) => Self::Taken { key: key.to_owned(), source },
            (_, Some("OOM" | "MISCONF")) => Self::Full(source),
            _ => Self::Refused(source),
        }
    }

    /// Returns whether the stream or its group is gone: deleted by hand, or lost with a server that had not persisted it.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Refused(source) => {
                // A reader whose stream disappears under it is told in other words than one that comes later.
                matches!(source.code(), Some("NOGROUP" | "UNBLOCKED"))
                    || source.to_string().contains("NOGROUP")
            }
            _ => false,
        }
    }
}
