//! The request that most clients make, and its answer on a blocking connection.

use std::io::{self, Write};
use std::net::TcpStream;

use ebbtide_http1::Response;

/// Asks for the one thing that every server has.
pub const PING: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// The same as the connection's last request.
pub const LAST_PING: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";

/// Asks once on a blocking connection, by one of these requests, and returns the answer's length in octets.
///
/// # Errors
///
/// When it is not the expected one.
pub fn ping(stream: &mut TcpStream, request: &[u8]) -> io::Result<usize> {
    stream.write_all(request)?;
    let response = Response::read(stream)?;
    if response.is_ok() && response.body == b"pong" {
        Ok(response.head().len() + response.body.len())
    } else {
        Err(io::Error::other(format!("it answered {response:?}")))
    }
}
