//! The conformance suite passes a queue that keeps its promises, and says of each that is broken which one it was.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod fault;
mod faulty;
mod promises;
mod relay;
mod telling;
