use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, ScriptInvocation,
    ServerErrorKind,
};
use tokio::sync::Mutex;

/// The connect timeout.
const CONNECT: Duration = Duration::from_secs(3);

/// The response timeout.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection for short commands. It is opened again when it is needed and broken.
///
/// # Invariants
///
/// 1. When a command is sent, no command of an abandoned connection (one whose last response was not seen) can run
///    any more: the server has closed that connection by then. Otherwise a stalled server or network could process it
///    later, and deliver jobs to this consumer that no caller asks for. Where this user may not close connections
///    (`CLIENT KILL`), that can happen, and the lease ends such a delivery.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    open: Mutex<Option<Connection>>,
    /// The abandoned connections.
    left: Lock<Vec<Arc<Identity>>>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self { client, open: Mutex::new(None), left: Lock::default() }
    }

    /// Returns a link to the same server that shares no connection with this one.
    pub(super) fn another(&self) -> Self {
        Self::new(self.client.clone())
    }

    /// Opens a separate connection, whose responses may take `longer` than the usual timeout.
    pub(super) async fn connect(&self, longer: Duration) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER.saturating_add(longer)));
        Connection::identify(self.client.get_multiplexed_async_connection_with_config(&config).await?).await
    }

    /// Returns the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no connection behind.
    pub(super) async fn ready(&self) -> Result<Connection, RedisError> {
        // Locked while it connects: concurrent callers wait for the same connection.
        let mut open = self.open.lock().await;
        let connection = match &*open {
            Some(connection) => connection.clone(),
            None => open.insert(self.connect(Duration::ZERO).await?).clone(),
        };
        let ended = self.close_abandoned(&connection).await;
        if ended.is_err() {
            *open = None;
            self.leave(&connection);
        }
        ended.map(|()| connection)
    }

    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        let mut connection = self.ready().await?;
        let answer = script.invoke_async(&mut connection.wire).await;
        self.judged(&connection, answer).await
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let mut connection = self.ready().await?;
        let answer = command.query_async(&mut connection.wire).await;
        self.judged(&connection, answer).await
    }

    /// Marks a connection as abandoned: the server may still have a command of it to run.
    pub(super) fn leave(&self, connection: &Connection) {
        self.left().extend(connection.identity.clone());
    }

    pub(super) async fn close(&self) {
        *self.open.lock().await = None;
    }

    /// Drops the connection after a response that makes it useless.
    async fn judged<T>(
        &self,
        connection: &Connection,
        answer: Result<T, RedisError>,
    ) -> Result<T, RedisError> {
        if let Err(error) = &answer
            && makes_connection_useless(error)
        {
            let mut open = self.open.lock().await;
            // Another user of the same connection may have replaced it already.
            if open.as_ref().is_some_and(|open| open.identity == connection.identity) {
                *open = None;
                self.leave(connection);
            }
        }
        answer
    }

    async fn close_abandoned(&self, by: &Connection) -> Result<(), RedisError> {
        loop {
            let next = self.left().first().cloned();
            let Some(identity) = next else { return Ok(()) };
            match identity.kill().query_async::<u64>(&mut by.wire.clone()).await {
                Ok(_was_there) => {}
                Err(error) if is_answer(&error) => {
                    tracing::debug!(%error, "cannot end an abandoned connection");
                }
                Err(error) => return Err(error),
            }
            self.left().retain(|left| *left != identity);
        }
    }

    fn left(&self) -> MutexGuard<'_, Vec<Arc<Identity>>> {
        // The list is valid after each statement that changes it.
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, and its identity at the server.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) wire: MultiplexedConnection,
    /// `None` if the server does not provide it.
    pub(super) identity: Option<Arc<Identity>>,
}

/// The identity of a connection at one server. Another server may use the same number for another client's
/// connection, but not for the same address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    id: String,
    address: String,
}

impl Connection {
    /// Asks the server for the connection's identity. A missing permission is not an error.
    pub(super) async fn identify(mut wire: MultiplexedConnection) -> Result<Self, RedisError> {
        let mut command = redis::cmd("CLIENT");
        let identity = match command.arg("INFO").query_async::<String>(&mut wire).await {
            Ok(info) => Identity::read(&info).map(Arc::new),
            Err(error) if is_answer(&error) => {
                tracing::debug!(%error, "connection id unavailable: CLIENT INFO failed");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self { wire, identity })
    }
}

impl Identity {
    /// Parses the response to `CLIENT INFO`.
    fn read(info: &str) -> Option<Self> {
        let value = |name| info.split_whitespace().find_map(|field| field.strip_prefix(name));
        Some(Self { id: value("id=")?.to_owned(), address: value("addr=")?.to_owned() })
    }

    /// Returns the command that unblocks the connection.
    pub(super) fn unblock(&self) -> Cmd {
        let mut command = redis::cmd("CLIENT");
        command.arg("UNBLOCK").arg(&self.id).arg("TIMEOUT");
        command
    }

    /// Returns the command that closes the connection: commands of it that have not run by then never run.
    pub(super) fn kill(&self) -> Cmd {
        let mut command = redis::cmd("CLIENT");
        command.arg("KILL").arg("ID").arg(&self.id).arg("ADDR").arg(&self.address);
        command
    }
}

fn makes_connection_useless(error: &RedisError) -> bool {
    // A server that became a replica stays one for its connections. The current primary is found by connecting again
    // by name.
    let is_replica = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
    is_replica || error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error()
}

/// Returns whether the error is a response of the server, not a failure of the connection.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_identified_by_its_number_and_client_address() {
        let identity =
            Identity::read("id=3415 addr=127.0.0.1:35390 laddr=127.0.0.1:6379 fd=8 name=\n").unwrap();
        assert_eq!((&*identity.id, &*identity.address), ("3415", "127.0.0.1:35390"));
        assert_eq!(Identity::read("laddr=127.0.0.1:6379 xid=3"), None);
    }
}
