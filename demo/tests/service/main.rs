//! The demo service as a separate process, with real sockets and real signals.
#![expect(clippy::expect_used, clippy::panic, reason = "a test helper that fails must fail its test")]

mod client;
mod faults;
mod orders;
#[cfg(feature = "redis")]
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
mod process;
mod stop;
mod table;
