//! An HTTP/1 response parser that finds where a response ends, and a client that neither pools nor retries.
//!
//! [`parse`] finds the end of the response at the beginning of some bytes (RFC 9112 §6.3). [`Head`] and [`Body`] do so while the
//! bytes are received. [`Response::read`] reads a response from a blocking stream. With the feature `client`, [`Client`](client::Client) is one connection on tokio: the
//! caller writes every byte that is sent. For an incomplete response, it returns the bytes received and how the stream
//! ended.
//!
//! The crate is part of [Ebbtide](https://docs.rs/ebbtide). Its tests and rehearsals need a client that never repeats a request:
//! a retry would hide a lost request.

// docs.rs shows the feature of each item.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Lengths come from outside. Tests may panic.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, unused_crate_dependencies))]

mod body;
#[cfg(feature = "client")]
pub mod client;
#[cfg(test)]
mod error_form;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod parse;
mod response;
mod stream;

pub use body::{Body, Piece};
pub use head::{Framing, Head};
pub use parse::{Malformed, Method, Parsed, parse, parse_to_eof};
pub use response::Response;
pub use stream::{End, StreamEnd};
