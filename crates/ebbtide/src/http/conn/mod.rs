//! One connection: what is known of it, its bytes, and when it may be closed.

mod book;
mod chunks;
mod first;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod held;
mod io;
mod message;
mod opening;
mod pong;
mod proxy_header;
mod socket;
mod stream;
#[cfg(feature = "tls")]
mod tls_stream;
mod uploads;
mod watch;
mod websocket;
#[cfg(feature = "tls")]
mod wire;

pub(super) use book::{Begun, Book, Ended, EndedBy, Reason};
pub(super) use first::{Protocol, first_bytes};
pub(super) use frames::Frames;
pub(super) use held::{Conn, Held};
pub(super) use io::Io;
pub(super) use opening::{Opening, open};
pub(super) use pong::PongLater;
pub(super) use socket::Socket;
pub(super) use stream::Stream;
#[cfg(feature = "tls")]
pub(super) use tls_stream::TlsStream;
pub(super) use uploads::STREAM_WINDOW;
pub(super) use watch::Watch;
