//! What a consumer does with its deliveries, in one process and with paused time. The invariants are those of `docs/spec.md`.
//! `tests/queue` tests the adapters against their brokers.
#![expect(clippy::expect_used, clippy::panic, reason = "a panic in a helper fails its test")]

mod broker;
#[cfg(feature = "testing")]
mod conformance;
#[cfg(feature = "testing")]
mod faulty_queue;
mod invariants;
mod lines;
mod policy;
mod report;
mod run;
mod settlements;
