use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError};

/// A connection, and what the server knows it by.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) wire: MultiplexedConnection,
    /// None where the server doesn't tell.
    pub(super) identity: Option<Arc<Identity>>,
}

/// What one server knows a connection by: another one may give the same number to somebody else's, but not for the same
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    id: String,
    address: String,
}

impl Connection {
    /// Asks the server what it knows the connection by. That it may not be asked does no harm.
    pub(super) async fn meet(mut wire: MultiplexedConnection) -> Result<Self, RedisError> {
        let mut command = redis::cmd("CLIENT");
        let identity = match command.arg("INFO").query_async::<String>(&mut wire).await {
            Ok(info) => Identity::read(&info).map(Arc::new),
            Err(error) if is_answer(&error) => {
                tracing::debug!(%error, "the server doesn't tell what it knows our connection by");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self { wire, identity })
    }
}

impl Identity {
    /// Reads the answer to `CLIENT INFO`.
    fn read(info: &str) -> Option<Self> {
        let value = |name| info.split_whitespace().find_map(|field| field.strip_prefix(name));
        Some(Self { id: value("id=")?.to_owned(), address: value("addr=")?.to_owned() })
    }

    /// Ends the block that the connection is in.
    pub(super) fn unblock(&self) -> Cmd {
        let mut command = redis::cmd("CLIENT");
        command.arg("UNBLOCK").arg(&self.id).arg("TIMEOUT");
        command
    }

    /// Ends the connection: what the server has not done by then for whoever was on it is not done.
    pub(super) fn kill(&self) -> Cmd {
        let mut command = redis::cmd("CLIENT");
        command.arg("KILL").arg("ID").arg(&self.id).arg("ADDR").arg(&self.address);
        command
    }
}

/// Returns whether the server has said this, and not the way to it.
pub(super) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_by_its_number_and_our_address() {
        let identity =
            Identity::read("id=3415 addr=127.0.0.1:35390 laddr=127.0.0.1:6379 fd=8 name=\n").unwrap();
        assert_eq!((&*identity.id, &*identity.address), ("3415", "127.0.0.1:35390"));
        assert_eq!(Identity::read("laddr=127.0.0.1:6379 xid=3"), None);
    }
}
