//! HTTP/1 responses: where one ends, and a client that neither pools nor retries.
//!
//! [`parse`] finds the end of the response at the beginning of some bytes (RFC 9112 §6.3), and [`Response::read`] reads one from a
//! blocking stream. With the feature `client`, [`Client`](client::Client) is one connection on tokio. What is sent on it is written
//! by the caller, byte for byte, and a response that does not come whole is returned as what came of it and how the stream ended.
//!
//! The crate serves [Ebbtide](https://docs.rs/ebbtide), its tests and its rehearsals, where a client that repeats a request hides
//! the loss in question.

// Each item of a feature says so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Lengths come from outside. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod chunks;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod parse;
mod response;
mod stream;

pub use head::{Framing, Head};
pub use parse::{Malformed, Method, Parsed, parse, parse_to_eof};
pub use response::Response;
pub use stream::{End, StreamEnd};
