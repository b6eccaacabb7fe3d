use std::time::Duration;

use ebbtide::BoxError;

/// The error of an operation on a [`NatsQueue`](crate::NatsQueue).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsQueueError {
    /// The name is invalid: it is also the name of a stream and of a subject.
    #[error("invalid queue name {0:?}: expected ASCII letters, digits, `-` and `_`")]
    Name(String),
    /// The lease is shorter than 100 ms. It is renewed three times in its duration.
    #[error("invalid lease {0:?}: must be at least 100 ms")]
    Lease(Duration),
    /// The connection was not established. Check that NATS runs, and that the URL and the credentials are right.
    #[error("connection to NATS failed")]
    Connect(#[source] async_nats::ConnectError),
    /// The connection is broken. The client is reconnecting.
    #[error("connection to NATS is broken: reconnecting")]
    Disconnected,
    /// A request to the server failed or was not answered.
    ///
    /// Check that the server runs with JetStream, and that the stream and its consumer exist.
    #[error("cannot {what}: request to NATS failed")]
    RequestFailed {
        /// The operation that failed.
        what: &'static str,
        /// The error of the client.
        source: BoxError,
    },
    /// A stream or a consumer of that name exists, and could lose jobs. Change it, or give the queue another name.
    #[error("cannot use {name} as a queue: {why}")]
    Unsuitable {
        /// The name of the stream or consumer.
        name: String,
        /// The reason.
        why: &'static str,
    },
    /// The job is larger than the server accepts. Push a reference to the data instead. A kilobyte is for headers.
    #[error("cannot push {size} bytes: the server accepts {limit}, of which a kilobyte is for headers")]
    TooLarge {
        /// The size of the payload.
        size: usize,
        /// The server's `max_payload`.
        limit: usize,
    },
}

impl NatsQueueError {
    /// Returns the function that maps the error of the operation `what`, for `map_err`.
    pub(super) fn when<E: Into<BoxError>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::RequestFailed { what, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let cause = std::io::Error::other("refused");
        let connect = async_nats::ConnectError::with_source(async_nats::ConnectErrorKind::Io, cause);
        error_form::walk! {
            NatsQueueError::Name(_) => NatsQueueError::Name("a b".to_owned());
            NatsQueueError::Lease(_) => NatsQueueError::Lease(Duration::from_millis(1));
            NatsQueueError::Connect(_) => NatsQueueError::Connect(connect);
            NatsQueueError::Disconnected => NatsQueueError::Disconnected;
            NatsQueueError::RequestFailed { .. } => NatsQueueError::when("settle jobs")(std::io::Error::other("reset"));
            NatsQueueError::Unsuitable { .. } => NatsQueueError::Unsuitable { name: "orders".to_owned(), why: "it drops messages" };
            NatsQueueError::TooLarge { .. } => NatsQueueError::TooLarge { size: 2_000_000, limit: 1_048_576 };
        }
    }
}
