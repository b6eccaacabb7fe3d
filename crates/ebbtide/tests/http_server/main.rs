//! What the HTTP server promises, over real sockets, with clients that repeat nothing.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers may fail and tell"
)]

mod bodies;
mod books;
mod cancelled;
mod clock;
mod connections;
mod deadline;
mod events;
mod frames;
mod gone;
mod health;
mod http2;
mod keep_alive;
mod life;
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
    //! TLS: what is agreed on, what is exchanged while the server runs, and how it ends.

    mod handshake;
    mod pair;
    mod records;
    mod storm;

    pub(crate) use pair::Pair;
}
mod unix;
mod unix_path;
mod upgrades;
