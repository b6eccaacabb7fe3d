use std::time::Duration;

use async_nats::Client;
use ebbtide::model::LONGEST_TIME;

use super::error::NatsQueueError;
use super::link::{Link, Server};
use super::queue::NatsQueue;
use super::set_up::Plan;

const LOCAL: &str = "nats://127.0.0.1:4222";

const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Configures and opens a [`NatsQueue`].
///
/// # Examples
///
/// See the [module](super).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct NatsBuilder {
    name: String,
    lease: Duration,
    replicas: usize,
    server: Given,
}

#[derive(Clone, Debug)]
enum Given {
    Url(String),
    Client(Client),
}

impl NatsBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, lease: Duration::from_secs(30), replicas: 1, server: Given::Url(LOCAL.to_owned()) }
    }

    /// Sets the URL of the server, or several of one cluster, separated by commas. Default: `nats://127.0.0.1:4222`.
    ///
    /// For credentials that a URL cannot hold, connect separately and pass the [client](Self::client).
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.server = Given::Url(url.into());
        self
    }

    /// Uses an existing connection. It stays open when the queue is closed.
    ///
    /// Leases are then renewed over this connection, and so by its runtime: handlers that block every thread of that
    /// runtime delay them. A warning is logged before the leases expire. With [`url`](Self::url), renewals have a
    /// dedicated connection and thread.
    pub fn client(mut self, client: Client) -> Self {
        self.server = Given::Client(client);
        self
    }

    /// Sets the lease: how long a consumer may be silent before its jobs are delivered to others. At least 100 ms.
    /// Default: 30 s.
    ///
    /// The lease belongs to the durable consumer and is set when that is created. An existing one keeps its
    /// `ack_wait`, which its running consumers use. Change it with `nats consumer edit`, then restart the consumers.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the number of replicas of the streams in a cluster when they are created. Default: one.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas.max(1);
        self
    }

    /// Connects, and creates the streams and the consumer if they do not exist. Several processes may call it at the
    /// same time.
    ///
    /// # Errors
    ///
    /// Returns an error if the name or the lease is invalid, if the server cannot be reached, has no JetStream or
    /// rejects a request, or if an existing stream or consumer of the name could lose jobs.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most empty streams behind.
    pub async fn open(self) -> Result<NatsQueue, NatsQueueError> {
        let fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 128 || !self.name.chars().all(fit) {
            return Err(NatsQueueError::Name(self.name));
        }
        if self.lease < SHORTEST_LEASE {
            return Err(NatsQueueError::Lease(self.lease));
        }
        let (link, server) = match self.server {
            Given::Client(client) => (Link::given(client), None),
            Given::Url(url) => {
                let server = Server { url, queue: self.name.clone() };
                (server.connect().await.map_err(NatsQueueError::Connect)?, Some(server))
            }
        };
        let dead = format!("{}-dead", self.name);
        let plan =
            Plan { name: self.name, dead, lease: self.lease.min(LONGEST_TIME), replicas: self.replicas };
        NatsQueue::new(link, plan, server).await
    }
}
