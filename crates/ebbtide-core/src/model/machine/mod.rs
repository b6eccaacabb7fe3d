//! The lifecycle as a pure state machine: `step(event, now) → effects`.
//!
//! `docs/spec.md` states its invariants; the tests in `tests/core/machine` cite them.

mod escalation;
mod event;
mod slots;
mod state;

pub use event::{Effect, End, Event, Progress};
pub use state::Machine;
