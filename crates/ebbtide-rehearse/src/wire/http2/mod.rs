//! An HTTP/2 client with prior knowledge. The framing is the engine's own: the outcome of a request depends on the last stream
//! of a GOAWAY, which clients of other libraries do not report.
//!
//! A connection has one task, the driver, which alone reads and writes the socket. The requests on it share [`ConnectionState`] with the
//! driver: they queue frames, and wait until it has changed.
//!
//! 1. A request is written only while no GOAWAY is known. One that was not written is not a loss.
//! 2. A stream above the last one of a GOAWAY, or reset with REFUSED_STREAM, was not processed: a retry is safe.
//! 3. A stream at or below it ends as its own frames say, or with the connection.

mod connection;
mod driver;
mod frame;
mod headers;
mod held;
mod huffman;
mod messages;
mod state;

pub(crate) use connection::Http2Connection;
pub(crate) use held::{HeldStream, Part};
