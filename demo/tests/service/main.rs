//! The demo service as a process of its own, with real sockets and real signals.
#![expect(clippy::expect_used, clippy::panic, reason = "a test's helpers may fail and tell")]

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
