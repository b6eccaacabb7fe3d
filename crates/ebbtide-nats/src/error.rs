use std::time::Duration;

use ebbtide::BoxError;

/// Says why NATS could not be used as a queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsQueueError {
    /// The name cannot be that of a stream.
    #[error(
        "use {0:?} as the name of a queue: it is also that of a stream and a subject; take letters, digits, `-` and `_`"
    )]
    Name(String),
    /// The lease is too short to be kept.
    #[error("use a lease of {0:?}: it is begun anew three times in that time; give it 100 ms or more")]
    Lease(Duration),
    /// No server answered.
    #[error("connect to NATS; see that it is running, that the URL names it, and who may log in")]
    Connect(#[source] async_nats::ConnectError),
    /// The connection is broken, and is being made again.
    #[error("reach NATS: the connection is broken; it is being made again")]
    Away,
    /// The server, or what is to answer there, did not.
    #[error(
        "{what}; see that the server runs with JetStream, and that the stream and its consumer are there"
    )]
    NoAnswer {
        /// What was asked for.
        what: &'static str,
        /// What the client says.
        source: BoxError,
    },
    /// A stream or a consumer of that name is there already, and jobs could be lost in it.
    #[error("use {name} as a queue: {why}; change that, or give the queue another name")]
    Unsuitable {
        /// Its name.
        name: String,
        /// What about it.
        why: &'static str,
    },
    /// The server takes no message of that size.
    #[error(
        "push {size} bytes: the server takes {limit}, of which a kilobyte is for headers; push where they are stored"
    )]
    TooLarge {
        /// The size of the payload.
        size: usize,
        /// The server's `max_payload`.
        limit: usize,
    },
}

impl NatsQueueError {
    /// For `map_err`: says what was asked for when there was no answer, or no good one.
    pub(super) fn when<E: Into<BoxError>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::NoAnswer { what, source: source.into() }
    }
}
