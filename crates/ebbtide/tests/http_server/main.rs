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
mod clock;
mod close;
mod connections;
mod cut;
mod deadline;
mod events;
mod far;
mod feed;
mod frames;
mod goaway;
mod gone;
mod h2c;
mod health;
mod keep_alive;
mod life;
mod limit;
mod listeners;
mod pages;
mod peers;
mod place;
mod protocols;
mod proxy_protocol;
mod seed;
mod spread;
mod stall;
mod storm;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod tunnels;
mod unix;
