//! One connection: its bytes, what is known of it, and when it closes.
//!
//! # When an idle connection closes
//!
//! Never while the server serves. From the stop signal on it closes when it has been quiet for
//! [`idle_quiet`](crate::http::Server::idle_quiet) (or [`first_byte_grace`](crate::http::Server::first_byte_grace) if it has sent
//! nothing yet) and nothing is unread in its socket: in the lame duck at its own instant if the closes are spread, otherwise
//! once the lame duck is over. `idle.rs` is the whole rule, with a table; `stall.rs` has the limits of peers that make no progress.
//!
//! # The layers of its bytes
//!
//! From the socket up; each reads from and writes to the one above it in this table. A plain HTTP/1 connection has `Socket`,
//! `Stream` and `Io`.
//!
//! | layer | where | in | what it adds |
//! |---|---|---|---|
//! | `Socket` | every connection | `bytes/stream.rs` | TCP or Unix, looked up at run time; small writes leave as one |
//! | `Wire` | TLS | `bytes/tls_stream.rs` | where one record ends and the next begins, so that half a record is known |
//! | `TlsStream` | TLS | `bytes/tls_stream.rs` | the handshake, and `close_notify` |
//! | `Stream` | every connection | `bytes/stream.rs` | the choice between a plain socket and TLS |
//! | `Io` | every connection | `bytes/io.rs` | notes what comes and what the socket does not take; closes lingering |
//! | `Frames` | HTTP/2 | `bytes/frames.rs` | which requests wait for more of their bodies |
//! | `PongLater` | HTTP/2 | `bytes/frames.rs` | the answer to the first GOAWAY, behind what it has overtaken |
//!
//! # What is known of it
//!
//! `Conn` is shared by the connection's task, its requests and the registry. Behind its lock is `ConnState`: `state.rs` notes what
//! happens on the connection, `in_flight.rs` its requests, `fates.rs` how each of them ended. `message.rs` tells from the bytes
//! whether a further request follows, for the announcement of the close; `opening.rs` is what precedes HTTP.

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

pub(super) use bytes::{Frames, Io, PongLater, STREAM_WINDOW, Socket};
pub(super) use connection::{Conn, ConnGuard};
pub(super) use fates::EndedBy;
pub(super) use idle::Watch;
pub(super) use in_flight::{Outcome, RequestId};
pub(super) use opening::{Opening, Protocol, first_bytes, open};
