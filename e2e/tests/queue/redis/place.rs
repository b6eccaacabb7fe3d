use std::collections::BTreeMap;
use std::time::Duration;

use ebbtide_redis::{RedisBuilder, RedisQueue};
use redis::aio::MultiplexedConnection;

use crate::support::unique;

/// The group that a queue has by default.
pub(super) const GROUP: &str = "workers";

/// A name in Redis that only one test uses. What is under it is deleted in the end.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) url: String,
}

impl Place {
    pub(super) fn new() -> Self {
        Self::at(std::env::var("EBBTIDE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned()))
    }

    pub(super) fn at(url: String) -> Self {
        Self { name: format!("ebbtide-test-{}", unique()), url }
    }

    pub(super) fn builder(&self) -> RedisBuilder {
        RedisQueue::builder(&self.name).url(&self.url)
    }

    /// Opens a consumer whose lease is not to run out.
    pub(super) async fn open(&self) -> RedisQueue {
        self.builder().open().await.unwrap()
    }

    /// Opens a consumer whose lease runs out soon.
    pub(super) async fn open_short(&self, lease: Duration) -> RedisQueue {
        self.builder().lease(lease).open().await.unwrap()
    }

    /// Connects beside the adapter, to see what there is.
    pub(super) async fn connection(&self) -> MultiplexedConnection {
        redis::Client::open(&*self.url).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// Returns how many deliveries are pending, whoever has them.
    pub(super) async fn pending(&self) -> u64 {
        let mut command = redis::cmd("XPENDING");
        let (pending, ..): (u64, redis::Value, redis::Value, redis::Value) =
            command.arg(&self.name).arg(GROUP).query_async(&mut self.connection().await).await.unwrap();
        pending
    }

    /// Waits until so many connections are blocked in a read. Other tests' are among them, unless the server is the test's own.
    pub(super) async fn wait_for_blocked(&self, count: u64) {
        let connection = self.connection().await;
        while info(&connection, "clients", "blocked_clients:").await < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Returns the names of the consumers that Redis knows.
    pub(super) async fn consumers(&self) -> Vec<String> {
        let mut command = redis::cmd("XINFO");
        let command = command.arg("CONSUMERS").arg(&self.name).arg(GROUP);
        let consumers: Vec<BTreeMap<String, redis::Value>> =
            command.query_async(&mut self.connection().await).await.unwrap();
        let name =
            |consumer: &BTreeMap<String, redis::Value>| redis::from_redis_value(consumer["name"].clone());
        consumers.iter().map(|consumer| name(consumer).unwrap()).collect()
    }

    /// Returns the fields of what was buried.
    pub(super) async fn buried(&self) -> Vec<BTreeMap<String, Vec<u8>>> {
        let mut command = redis::cmd("XRANGE");
        let command = command.arg(format!("{}:dead", self.name)).arg("-").arg("+");
        let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> =
            command.query_async(&mut self.connection().await).await.unwrap();
        entries.into_iter().map(|(_id, fields)| fields).collect()
    }
}

/// Returns a number that the server tells about itself.
pub(super) async fn info(connection: &MultiplexedConnection, section: &str, name: &str) -> u64 {
    let mut command = redis::cmd("INFO");
    let text: String = command.arg(section).query_async(&mut connection.clone()).await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |rest| rest.split([',', '\r']).next().unwrap().parse().unwrap())
}

impl Drop for Place {
    fn drop(&mut self) {
        // A server of our own may be gone by now, with all that it had.
        if let Ok(mut connection) = redis::Client::open(&*self.url).and_then(|client| client.get_connection())
        {
            let keys = ["", ":delayed", ":dead"].map(|end| format!("{}{end}", self.name));
            let _deleted = redis::cmd("DEL").arg(&keys).query::<u64>(&mut connection);
        }
    }
}
