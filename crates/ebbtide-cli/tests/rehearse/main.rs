//! `ebbtide rehearse` as a user runs it: the built command, real services, real signals.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside test functions")]

mod common;
mod databases;
mod exit_codes;
mod help_page;
mod other_languages;
mod processes;
