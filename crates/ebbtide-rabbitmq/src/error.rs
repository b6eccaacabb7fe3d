/// RabbitMQ did not do what the queue asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RabbitQueueError {
    /// The URL cannot be understood.
    #[error(
        "understand the URL of RabbitMQ: {why}; write it as amqp://user:password@host:port/%2f, the last part being the virtual host"
    )]
    Url {
        /// What is wrong with it.
        why: String,
    },
    /// The name cannot be one.
    #[error("use {name:?} as the name of a queue: RabbitMQ takes 1 to 200 bytes")]
    Name {
        /// The name.
        name: String,
    },
    /// No server answered, or it did not let us in.
    #[error(
        "connect to RabbitMQ at {address}: is it running there, and are user, password and virtual host right?"
    )]
    Connect {
        /// Where it ought to be.
        address: String,
        /// What went wrong.
        source: lapin::Error,
    },
    /// The queue is there, and another kind than was asked for.
    #[error(
        "declare {queue}: it is there with other arguments; delete it, or open it by `existing`, which takes it as it is"
    )]
    Different {
        /// The queue.
        queue: String,
        /// What RabbitMQ said.
        source: lapin::Error,
    },
    /// A command failed, or the connection broke under it.
    #[error("{action}")]
    Refused {
        /// What was being done.
        action: String,
        /// What RabbitMQ said, or what became of the connection.
        source: lapin::Error,
    },
    /// A command was not answered.
    #[error(
        "{action}: RabbitMQ did not answer in time; if it says that the connection is blocked, it is out of memory or disk space"
    )]
    Silent {
        /// What was being done.
        action: String,
    },
    /// The queue is gone.
    #[error("publish to {queue}: there is no such queue any more; it is declared anew by the next call")]
    Unroutable {
        /// The queue.
        queue: String,
    },
    /// The queue takes no more.
    #[error("publish to {queue}: RabbitMQ did not take the job; is there a limit to the queue's length?")]
    NotTaken {
        /// The queue.
        queue: String,
    },
    /// The server took the subscription away.
    #[error(
        "consume from {queue}: RabbitMQ ended the subscription, as it does when the queue is deleted or moves to another node"
    )]
    Ended {
        /// The queue.
        queue: String,
    },
}
