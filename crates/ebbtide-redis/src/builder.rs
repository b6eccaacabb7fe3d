use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use redis::Client;

use super::commands::{Commands, Keys, Scripts};
use super::error::RedisQueueError;
use super::link::Link;
use super::queue::RedisQueue;

const LOCAL: &str = "redis://127.0.0.1:6379";

const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Configures and opens a [`RedisQueue`].
///
/// # Examples
///
/// See the [module](super).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `open` is called"]
pub struct RedisBuilder {
    name: String,
    group: String,
    lease: Duration,
    server: Server,
}

#[derive(Clone, Debug)]
enum Server {
    Url(String),
    Client(Client),
}

impl RedisBuilder {
    pub(super) fn new(name: String) -> Self {
        let (group, lease) = ("workers".to_owned(), Duration::from_secs(30));
        Self { name, group, lease, server: Server::Url(LOCAL.to_owned()) }
    }

    /// Sets the URL of the server. Default: `redis://127.0.0.1:6379`.
    ///
    /// For TLS (`rediss://`), enable the feature `tokio-rustls-comp` of the crate `redis`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.server = Server::Url(url.into());
        self
    }

    /// Sets the server and the credentials from a client.
    pub fn client(mut self, client: Client) -> Self {
        self.server = Server::Client(client);
        self
    }

    /// Sets the lease: how long a consumer may be silent before its jobs are delivered to others. At least 100 ms.
    /// Default: 30 s.
    ///
    /// All consumers of a queue must use the same lease.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the name of the consumer group. Default: `workers`.
    ///
    /// A stream can have only one group: a job that one group acknowledges is deleted for all.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Connects, and creates the stream and its group if they do not exist. Several processes may call it at the same
    /// time.
    ///
    /// It also deletes consumers that have nothing pending and were silent for an hour.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL or the lease is invalid, if the server cannot be reached or rejects a command, or
    /// if the key holds another type.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most an empty stream behind.
    pub async fn open(self) -> Result<RedisQueue, RedisQueueError> {
        if self.lease < SHORTEST_LEASE {
            return Err(RedisQueueError::Lease(self.lease));
        }
        let client = match self.server {
            Server::Url(url) => Client::open(url).map_err(RedisQueueError::Url)?,
            Server::Client(client) => client,
        };
        let commands = Commands {
            link: Link::new(client),
            keys: Keys::new(self.name),
            group: self.group,
            consumer: consumer(),
            lease: self.lease,
            scripts: Scripts::new(),
        };
        commands.set_up().await?;
        Ok(RedisQueue::new(commands))
    }
}

/// Returns a name that is unique across machines: processes in containers often have the same process id.
fn consumer() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{random:016x}", std::process::id())
}
