//! The lifecycle as a pure state machine: `step(event, now) → effects`.
//!
//! `docs/spec.md` lists its invariants; the tests in `tests/core/machine` cite their numbers.

mod escalation;
mod event;
mod slots;
mod state;

pub use event::{Effect, End, Event, Progress};
pub use state::Machine;
