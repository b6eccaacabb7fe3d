//! Small HTTP calls without a client library: leave a registry, delete a lease, tell a sidecar to quit.
//!
//! A [`Call`] is one request on a connection of its own, over the standard library's sockets, so that it can be made from a plain
//! thread when the runtime is stuck. It speaks plain HTTP/1.1 to something near; for TLS, for redirects and for bodies that
//! matter, use an HTTP client in the hook.

mod answer;
#[expect(clippy::module_inception, reason = "the call is what the folder is about")]
mod call;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod send;
mod target;

pub use call::{Call, CallError};
