//! WebSockets that complete the closing handshake when the service shuts down.
//!
//! [`Graceful`] wraps a socket and behaves like it. When its token is stopping, it sends a close frame. It still delivers the
//! messages that the peer sent before it received that frame, and ends with the peer's close frame.

mod graceful;
mod message;

pub use graceful::Graceful;
pub use message::{CloseCode, Message};
