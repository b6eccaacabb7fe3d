//! What the HTTP server promises, over real sockets, with clients that repeat nothing.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers may fail and tell"
)]

mod bodies;
mod close;
mod connections;
mod cut;
mod far;
mod health;
mod keep_alive;
mod life;
mod listeners;
mod protocols;
mod storm;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod unix;
