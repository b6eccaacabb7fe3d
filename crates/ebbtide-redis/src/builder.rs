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

/// Describes a [`RedisQueue`], and opens it.
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

    /// Sets which server it is on. Default: `redis://127.0.0.1:6379`.
    ///
    /// For `rediss://`, TLS, turn on the feature `tokio-rustls-comp` of the crate `redis`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.server = Server::Url(url.into());
        self
    }

    /// Takes the server, and how to log in there, from a client.
    pub fn client(mut self, client: Client) -> Self {
        self.server = Server::Client(client);
        self
    }

    /// Sets how long a consumer may be silent before its jobs are given to others: 100 ms or more. Default: 30 s.
    ///
    /// It has to be the same for all consumers of a queue.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the name of the consumer group. Default: `workers`.
    ///
    /// There can be only one for a stream: what one group acknowledges is gone for all.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Connects, and makes the stream and its group where they are missing. Any number may do so at once.
    ///
    /// It forgets consumers as well that have nothing and have not been heard of for an hour.
    ///
    /// # Errors
    ///
    /// When the URL or the lease cannot be used, the server cannot be reached or refuses, or something else is
    /// under the name.
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

/// A name that no other consumer has, wherever it runs: in containers each has the same process id.
fn consumer() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{random:016x}", std::process::id())
}
