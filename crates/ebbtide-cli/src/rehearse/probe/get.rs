//! One GET on a connection of its own, as a platform's probe does it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What one GET got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Got {
    /// A status line.
    Status(u16),
    /// Nobody listens.
    Refused,
    /// The connection ended, or the time did, without a status line.
    Nothing,
}

/// Asks `socket` for `path` on a new connection, within `limit`.
pub(crate) async fn get(socket: SocketAddr, authority: &str, path: &str, limit: Duration) -> Got {
    match timeout(limit, ask(socket, authority, path)).await {
        Ok(Ok(Some(status))) => Got::Status(status),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Got::Refused,
        Ok(Ok(None) | Err(_)) | Err(_) => Got::Nothing,
    }
}

async fn ask(socket: SocketAddr, authority: &str, path: &str) -> io::Result<Option<u16>> {
    let mut stream = TcpStream::connect(socket).await?;
    // See the load's own connect: a connection that met itself means that nobody listens.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: ebbtide-probe\r\nconnection: close\r\n\r\n"
    );
    // An error in here is a connection that was accepted and then failed, never a refusal.
    Ok(talk(&mut stream, &request).await.unwrap_or(None))
}

async fn talk(stream: &mut TcpStream, request: &str) -> io::Result<Option<u16>> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // The server may close first; what it says after the first kilobytes is not looked at.
    stream
        .take(16 * 1024)
        .read_to_end(&mut answer)
        .await
        .or_else(|error| if answer.is_empty() { Err(error) } else { Ok(answer.len()) })?;
    let line = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    Ok(words.next().filter(|_| http).and_then(|status| status.parse().ok()))
}
