use super::RabbitQueueError;
use super::link::Link;
use super::queue::RabbitQueue;
use super::topology::Topology;

const LOCAL: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

/// Describes a [`RabbitQueue`], and opens it.
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

    /// Sets which server it is on. Default: `amqp://guest:guest@127.0.0.1:5672/%2f`.
    ///
    /// The heartbeat can be set there in seconds, as `?heartbeat=10`; it is the server's, usually 60, otherwise. For `amqps://`, TLS, turn
    /// on one of the features for it of the crate `lapin`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Makes it a quorum queue, which several servers keep. Default: a classic one, which one server keeps.
    ///
    /// Needs RabbitMQ 3.10. It has to be the same wherever the queue is opened.
    pub fn quorum(mut self) -> Self {
        self.quorum = true;
        self
    }

    /// Takes the queue as it is, with whatever arguments somebody else has declared it. Default: declares it.
    ///
    /// What belongs to it, the queue of the dead and those of the retries, is declared all the same. Where the queue has no
    /// `x-max-priority`, what is handed back goes behind those that wait.
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// Connects and declares the queue, so that what is wrong shows now.
    ///
    /// # Errors
    ///
    /// When the URL or the name cannot be used, the server cannot be reached or does not let us, or the queue is there and of
    /// another kind.
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
    /// Without the URL, in which there is a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, quorum, existing, .. } = self;
        f.debug_struct("RabbitBuilder")
            .field("name", name)
            .field("quorum", quorum)
            .field("existing", existing)
            .finish_non_exhaustive()
    }
}
