//! HTTP/1.1 on a socket that reports what passed over it. Parsing is hyper's, or httparse's where a request stops half-way.

mod body;
mod connection;
mod raw;
mod request;
mod response;
mod socket;

pub(crate) use connection::{Connection, Exchange, NoConnection, Seen};
pub(crate) use raw::Raw;
pub(crate) use request::{Wish, raw_request};
pub(crate) use socket::Socket;
