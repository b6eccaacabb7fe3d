//! One GET that is judged by its status alone.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

use crate::clock::At;
use crate::record::Outcome;
use crate::scenario::Route;
use crate::wire::{Connection, NoConnection, Wish};

/// What one GET got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Got {
    /// A final status.
    Status(u16),
    /// Nobody listens.
    Refused,
    /// Bytes that are not HTTP/1, beginning with this one.
    NotHttp(u8),
    /// The connection ended, or the time did, without a final status.
    Nothing,
}

impl Got {
    /// Whether it means ready, as for the kubelet.
    pub(crate) fn is_ready(self) -> bool {
        matches!(self, Self::Status(200..=399))
    }
}

/// Asks `socket` for `path` on a new connection, within `limit`.
pub(crate) async fn get(socket: SocketAddr, authority: &str, path: &str, limit: Duration) -> Got {
    timeout(limit, ask(socket, authority, path)).await.unwrap_or(Got::Nothing)
}

async fn ask(socket: SocketAddr, authority: &str, path: &str) -> Got {
    let mut connection = match Connection::open(socket, At::default()).await {
        Ok(connection) => connection,
        Err(NoConnection::Outcome(Outcome::Refused)) => return Got::Refused,
        Err(_) => return Got::Nothing,
    };
    let Ok(request) = Wish::plain(&Route::get(path)).last().request(authority, None) else {
        return Got::Nothing;
    };
    match connection.status(request).await {
        Ok(status) => Got::Status(status),
        Err(Outcome::Malformed) => Got::NotHttp(connection.first_byte().unwrap_or_default()),
        Err(_) => Got::Nothing,
    }
}
