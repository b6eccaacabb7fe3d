use super::RabbitQueueError;
use super::link::Link;
use super::queue::RabbitQueue;
use super::topology::Topology;

const LOCAL: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

/// Configures and opens a [`RabbitQueue`].
///
/// # Examples
///
/// See the [module](super).
#[derive(Clone)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct RabbitBuilder {
    name: String,
    url: String,
    quorum: bool,
    existing: bool,
}

impl RabbitBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, url: LOCAL.to_owned(), quorum: false, existing: false }
    }

    /// Sets the URL of the server. Default: `amqp://guest:guest@127.0.0.1:5672/%2f`.
    ///
    /// The URL can set the heartbeat in seconds, as `?heartbeat=10`. By default it is that of the server, usually 60.
    /// For TLS (`amqps://`), enable one of the TLS features of the crate `lapin`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Uses a quorum queue, which is replicated on several servers. Default: a classic queue, on one server.
    ///
    /// Requires RabbitMQ 3.10. All openers of the queue must use the same setting.
    pub fn quorum(mut self) -> Self {
        self.quorum = true;
        self
    }

    /// Uses an existing queue with any arguments. By default the queue is declared.
    ///
    /// The dead-letter queue and the retry queues are declared in any case. If the queue has no `x-max-priority`,
    /// requeued jobs are delivered after the waiting ones.
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// Connects and declares the queue, so that a wrong configuration fails now.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL or the name is invalid, if the server cannot be reached or rejects the connection,
    /// or if the queue exists with other arguments.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most an empty queue behind.
    pub async fn open(self) -> Result<RabbitQueue, RabbitQueueError> {
        let link = Link::new(&self.url, format!("ebbtide: {}", self.name))?;
        let topology = Topology::new(self.name, self.quorum, self.existing)?;
        RabbitQueue::open(link, topology).await
    }
}

impl std::fmt::Debug for RabbitBuilder {
    /// Omits the URL, which contains a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, quorum, existing, .. } = self;
        f.debug_struct("RabbitBuilder")
            .field("name", name)
            .field("quorum", quorum)
            .field("existing", existing)
            .finish_non_exhaustive()
    }
}
