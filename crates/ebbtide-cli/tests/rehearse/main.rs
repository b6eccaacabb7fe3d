//! `ebbtide rehearse` as a user runs it: the built command, real services, real signals.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside test functions")]

#[cfg(feature = "redis")]
mod brokers;
mod common;
#[cfg(feature = "postgres")]
mod databases;
mod exit_codes;
mod features;
mod help_page;
mod other_languages;
#[path = "../../../../e2e/src/ports.rs"]
#[expect(unreachable_pub, reason = "public where it is a module of a library")]
mod ports;
mod processes;
mod truth;
