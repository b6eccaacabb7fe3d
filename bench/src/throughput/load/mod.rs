//! Clients that cost less per request than any server does, so that the server's core is the one that is full.

mod connect;
mod drive;
mod http2;
mod keep_alive;

pub(super) use drive::Load;
