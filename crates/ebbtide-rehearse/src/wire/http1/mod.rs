//! HTTP/1.1: one request at a time on a connection.

mod connection;
#[cfg(test)]
mod tests;

pub(super) use connection::Http1Connection;
