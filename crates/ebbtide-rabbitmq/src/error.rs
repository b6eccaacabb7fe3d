/// The error of an operation on a [`RabbitQueue`](crate::RabbitQueue).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RabbitQueueError {
    /// The URL is invalid. The form is `amqp://user:password@host:port/%2f`; the last part is the virtual host.
    #[error("invalid RabbitMQ URL: {why}")]
    Url {
        /// The reason.
        why: String,
    },
    /// The name of the queue is invalid.
    #[error("invalid queue name {name:?}: must be 1 to 200 bytes")]
    Name {
        /// The name.
        name: String,
    },
    /// The server did not respond, or rejected the connection.
    ///
    /// Check that RabbitMQ runs at that address, and that the user, the password and the virtual host are right.
    #[error("connection to RabbitMQ at {address} failed")]
    Connect {
        /// The address of the server, and the virtual host.
        address: String,
        /// The error of the client.
        source: lapin::Error,
    },
    /// The queue exists with other arguments.
    ///
    /// Delete it, or open it with [`existing`](crate::RabbitBuilder::existing), which uses the queue as it is.
    #[error("cannot declare {queue}: the queue exists with other arguments")]
    PreconditionFailed {
        /// The queue.
        queue: String,
        /// The error of RabbitMQ.
        source: lapin::Error,
    },
    /// A command failed, or the connection broke during it.
    #[error("cannot {action}")]
    CommandFailed {
        /// The operation that failed.
        action: String,
        /// The error of RabbitMQ, or that of the connection.
        source: lapin::Error,
    },
    /// The server did not respond in time.
    ///
    /// If RabbitMQ shows the connection as blocked, it is out of memory or disk space.
    #[error("cannot {action}: no response from RabbitMQ in time")]
    Timeout {
        /// The operation that failed.
        action: String,
    },
    /// The queue does not exist any more. The next call declares it again.
    #[error("cannot publish to {queue}: the queue does not exist")]
    Unroutable {
        /// The queue.
        queue: String,
    },
    /// RabbitMQ did not accept the job. The queue may have a length limit.
    #[error("cannot publish to {queue}: job rejected by RabbitMQ")]
    Rejected {
        /// The queue.
        queue: String,
    },
    /// The server cancelled the subscription, as it does when the queue is deleted or moves to another node.
    #[error("cannot consume from {queue}: subscription cancelled by RabbitMQ")]
    SubscriptionCancelled {
        /// The queue.
        queue: String,
    },
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        let queue = || "orders".to_owned();
        let source = || lapin::Error::from(lapin::ErrorKind::IOError(Arc::new(io::Error::other("reset"))));
        error_form::walk! {
            RabbitQueueError::Url { .. } => RabbitQueueError::Url { why: "no host".to_owned() };
            RabbitQueueError::Name { .. } => RabbitQueueError::Name { name: String::new() };
            RabbitQueueError::Connect { .. } => RabbitQueueError::Connect { address: "amqp://localhost:5672/%2f".to_owned(), source: source() };
            RabbitQueueError::PreconditionFailed { .. } => RabbitQueueError::PreconditionFailed { queue: queue(), source: source() };
            RabbitQueueError::CommandFailed { .. } => RabbitQueueError::CommandFailed { action: "settle jobs".to_owned(), source: source() };
            RabbitQueueError::Timeout { .. } => RabbitQueueError::Timeout { action: "settle jobs".to_owned() };
            RabbitQueueError::Unroutable { .. } => RabbitQueueError::Unroutable { queue: queue() };
            RabbitQueueError::Rejected { .. } => RabbitQueueError::Rejected { queue: queue() };
            RabbitQueueError::SubscriptionCancelled { .. } => RabbitQueueError::SubscriptionCancelled { queue: queue() };
        }
    }
}
