//! Small HTTP calls without a client library: deregister from a registry, revoke a lease, ask a sidecar to quit.
//!
//! A [`Call`] is one request on a dedicated connection. It uses the standard library's sockets, so that a plain thread can
//! send it when the runtime is blocked. It supports plain HTTP/1.1 only, and is meant for servers nearby. For TLS, for
//! redirects and for response bodies, use an HTTP client in the hook.

mod answer;
#[expect(clippy::module_inception, reason = "`Call` is the module's main type")]
mod call;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod send;
mod target;

pub use call::{Call, CallError};
