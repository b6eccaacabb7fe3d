//! Times at their ends: no setting of a time, however short or long, panics or costs the shutdown.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod components;
mod lifecycle;
mod server;
mod support;
