//! The layers that the bytes of a connection pass between the socket and hyper; [`conn`](super) lists them.

mod frames;
mod io;
mod stream;
#[cfg(feature = "tls")]
mod tls_stream;
mod uploads;
mod websocket;

pub(in crate::http) use frames::{DelayedPong, Frames};
pub(in crate::http) use io::Io;
pub(in crate::http) use stream::Socket;
#[cfg(all(feature = "tls", any(test, fuzzing)))]
pub(super) use tls_stream::Records;
pub(in crate::http) use uploads::STREAM_WINDOW;
