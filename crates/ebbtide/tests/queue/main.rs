//! What a consumer does with its deliveries, in one process and under paused time. The invariants are those of `docs/spec.md`.
//! The adapters are tested against their brokers in `e2e/tests/queue`.
#![expect(clippy::expect_used, clippy::panic, reason = "a helper that fails fails its test")]

mod broker;
mod clock;
mod company;
#[cfg(feature = "testing")]
mod conformance;
mod invariants;
mod life;
mod lines;
mod panics;
mod policy;
mod run;
mod said;
