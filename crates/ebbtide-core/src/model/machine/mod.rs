//! The lifecycle as a pure state machine: `step(event, now) → effects`.
//!
//! `docs/spec.md` states its invariants; the tests in `tests/core/machine` cite them.

mod effect;
mod escalation;
mod event;
mod progress;
mod slot;
mod slots;
mod state;

pub use effect::Effect;
pub use event::{End, Event};
pub use progress::Progress;
pub use state::Machine;
