//! The protocols on a socket of the client's own, so that it knows of each byte whether it was written and read. HTTP/1 is parsed by
//! `ebbtide-http1`.

mod address;
mod connection;
mod events;
mod http1;
mod http2;
mod line;
mod pace;
mod payload;
mod raw;
mod request;
mod silence;
mod socket;
mod stream;
mod tls;
mod websocket;

pub(crate) use address::Address;
pub(crate) use connection::{
    Connection, Exchange, NoConnection, ProbeResponse, RequestResult, no_connection,
};
pub(crate) use http2::{HeldStream, Http2Connection, Part};
pub(crate) use line::{Line, LineConnection};
pub(crate) use raw::RawConnection;
pub(crate) use request::{
    MessagePlan, RawRequest, RequestSpec, expecting_request, raw_request, websocket_handshake,
};
pub(crate) use silence::Silence;
pub(crate) use socket::Socket;
pub(crate) use stream::connect;
pub(crate) use tls::TlsClients;
pub use tls::TlsFailure;
pub(crate) use websocket::{Incoming, WebSocket};
