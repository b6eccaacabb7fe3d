//! What a consumer does with its deliveries, in one process and under paused time. The invariants are those of `docs/spec.md`.
//! The adapters are tested against their brokers in `tests/queue`.
#![expect(clippy::expect_used, clippy::panic, reason = "a helper that fails fails its test")]

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
