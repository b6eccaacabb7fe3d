use std::time::Duration;

use async_nats::Client;
use ebbtide::model::LONGEST_TIME;

use super::error::NatsQueueError;
use super::link::{Link, Server};
use super::queue::NatsQueue;
use super::set_up::Plan;

const LOCAL: &str = "nats://127.0.0.1:4222";

const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Describes a [`NatsQueue`], and opens it.
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

    /// Sets which server it is on, or several of one cluster with commas in between. Default: `nats://127.0.0.1:4222`.
    ///
    /// For credentials other than those in a URL connect by yourself and give the [client](Self::client).
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.server = Given::Url(url.into());
        self
    }

    /// Takes a connection that there is. It stays open when the queue is closed.
    ///
    /// Leases are then renewed over this connection, and so by the runtime that it was made on: handlers that block every thread
    /// of that delay them. A warning is logged before the leases expire. With [`url`](Self::url) renewals have a connection and a
    /// thread of their own.
    pub fn client(mut self, client: Client) -> Self {
        self.server = Given::Client(client);
        self
    }

    /// Sets how long a consumer may be silent before its jobs are given to others: 100 ms or more. Default: 30 s.
    ///
    /// It is that of the durable consumer, and counts when that is made: one that is there keeps its `ack_wait`, by which those
    /// live who consume already. `nats consumer edit` changes it; restart the consumers then.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets on how many servers of a cluster the streams are, when they are made. Default: one.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas.max(1);
        self
    }

    /// Connects, and makes the streams and the consumer where they are missing. Any number may do so at once.
    ///
    /// # Errors
    ///
    /// When the name or the lease cannot be used, the server cannot be reached, has no JetStream or refuses, or what is there under
    /// the name could lose jobs.
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
