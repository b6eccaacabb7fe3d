//! Every example of the library's crates runs as a real process, does what it shows, and stops with exit code 0.
#![expect(clippy::expect_used, reason = "a helper that fails fails its test")]

mod all;
mod consumers;
mod example;
mod servers;
mod streams;
mod telemetry;
mod work;
