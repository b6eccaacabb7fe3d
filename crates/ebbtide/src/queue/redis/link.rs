use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, ScriptInvocation};
use tokio::sync::Mutex;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection for short requests, which is made anew when it is needed and there is none.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self { client, open: Mutex::new(None) }
    }

    /// Makes a connection of its own, whose answers may take `longer` than others.
    pub(super) async fn connect(&self, longer: Duration) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER + longer));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Returns the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no connection behind.
    pub(super) async fn ready(&self) -> Result<MultiplexedConnection, RedisError> {
        // Held while it connects: those that come meanwhile wait for the same connection.
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let connection = self.connect(Duration::ZERO).await?;
        Ok(open.insert(connection).clone())
    }

    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        let mut connection = self.ready().await?;
        self.judged(script.invoke_async(&mut connection).await).await
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, RedisError> {
        let mut connection = self.ready().await?;
        self.judged(command.query_async(&mut connection).await).await
    }

    /// Lets the connection go after an answer by which it is of no more use.
    async fn judged<T>(&self, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &answer
            && (error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error())
        {
            self.close().await;
        }
        answer
    }

    pub(super) async fn close(&self) {
        *self.open.lock().await = None;
    }
}
