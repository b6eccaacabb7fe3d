//! The request that most clients send, and its response on a blocking connection.

use std::io::{self, Write};
use std::net::TcpStream;

use ebbtide_http1::Response;

/// A request for `/ping`, which every server has.
pub const PING: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// The same as the last request of a connection.
pub const LAST_PING: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";

/// Sends one of these requests on a blocking connection, and returns the response's length in bytes.
///
/// # Errors
///
/// When the response is not the expected one.
pub fn ping(stream: &mut TcpStream, request: &[u8]) -> io::Result<usize> {
    stream.write_all(request)?;
    let response = Response::read(stream)?;
    if response.is_ok() && response.body == b"pong" {
        Ok(response.head().len() + response.body.len())
    } else {
        Err(io::Error::other(format!("unexpected response {response:?}")))
    }
}
