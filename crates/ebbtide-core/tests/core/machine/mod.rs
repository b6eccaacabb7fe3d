//! The machine keeps the invariants of `docs/spec.md`, whatever its components do.
#![expect(clippy::expect_used, reason = "a simulation that breaks fails its test")]

mod invariants;
mod many;
mod pools;
mod simulation;
