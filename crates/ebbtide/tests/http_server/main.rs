//! The guarantees of the HTTP server, over real sockets, with clients that retry nothing.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test helpers may panic and print"
)]

mod accounting;
mod bodies;
mod cancelled;
mod clock;
mod connections;
mod deadline;
mod disconnects;
mod events;
mod frames;
mod health;
mod http2;
mod keep_alive;
mod lifecycle;
mod listeners;
mod peers;
mod proxy_protocol;
mod seed;
mod settings;
mod spread;
mod stall;
mod storm;
mod support;
#[cfg(feature = "tls")]
mod tls {
    //! TLS: what is negotiated, certificate reload, and how connections end.

    mod handshake;
    mod pair;
    mod records;
    mod storm;

    pub(crate) use pair::Pair;
}
mod unix;
mod unix_path;
mod upgrades;
