//! TLS on a socket, without a runtime of its own: the socket's reads and writes pass through a session of rustls.

mod client;
mod failure;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use client::{TlsClients, TlsTarget};
pub use failure::TlsFailure;
pub(super) use session::TlsSession;
