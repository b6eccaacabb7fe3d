//! A WebSocket that says goodbye when the service stops.
//!
//! [`Graceful`] wraps a socket and behaves like it. When its token is raised it sends a close frame, goes on delivering
//! what the peer had sent before it saw that, and ends with the peer's own close frame.

mod graceful;
mod message;

pub use graceful::Graceful;
pub use message::{CloseCode, Message};
