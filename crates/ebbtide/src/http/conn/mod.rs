//! A connection: its bytes, its state, and when it closes.
//!
//! # When an idle connection closes
//!
//! By default it never closes while the server serves. From the stop signal on it closes when it has been quiet for
//! [`idle_quiet`](crate::http::Server::idle_quiet) (or [`first_byte_grace`](crate::http::Server::first_byte_grace) if
//! it has sent nothing yet) and nothing is unread in its socket. If the closes are spread, this happens at its time
//! within the lame duck; otherwise when the lame duck ends. `idle.rs` is the whole rule, with a table; `stall.rs` has
//! the limits for peers that make no progress.
//!
//! # The layers of its bytes
//!
//! From the socket up: each layer reads from and writes to the layer listed above it. An HTTP/1 connection without TLS
//! has `Socket`, `Stream` and `Io`.
//!
//! | layer | where | in | what it adds |
//! |---|---|---|---|
//! | `Socket` | every connection | `bytes/stream.rs` | TCP or Unix, chosen at run time; small writes leave as one |
//! | `Wire` | TLS | `bytes/tls_stream.rs` | record boundaries, so that an incomplete record is detected |
//! | `TlsStream` | TLS | `bytes/tls_stream.rs` | the handshake, and `close_notify` |
//! | `Stream` | every connection | `bytes/stream.rs` | the choice between a plain socket and TLS |
//! | `Io` | every connection | `bytes/io.rs` | records what arrives and what the socket does not take; lingering close |
//! | `Frames` | HTTP/2 | `bytes/frames.rs` | which requests wait for more of their bodies |
//! | `DelayedPong` | HTTP/2 | `bytes/frames.rs` | delays the answer to the first GOAWAY until what it has overtaken |
//!
//! # Its state
//!
//! `Conn` is shared by the connection's task, its requests and the registry. Its lock guards `ConnState`: `state.rs`
//! records the events of the connection, `in_flight.rs` its requests, `fates.rs` the outcome of each. `message.rs`
//! determines from the bytes whether a further request follows, for the announcement of the close; `opening.rs` is what
//! precedes HTTP.

mod bytes;
mod chunks;
mod connection;
mod fates;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod idle;
mod in_flight;
mod message;
mod opening;
mod stall;
mod state;

pub(super) use bytes::{DelayedPong, Frames, Io, STREAM_WINDOW, Socket};
pub(super) use connection::{Conn, ConnGuard};
pub(super) use fates::EndedBy;
pub(super) use idle::Watch;
pub(super) use in_flight::{Outcome, RequestId};
pub(super) use opening::{Opening, Protocol, first_bytes, open};
