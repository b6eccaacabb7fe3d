//! What happened in a run, event by event. Nothing here judges: `verdict` does, in one pure pass.

mod aftermath;
mod answer;
mod outcome;
mod process;
mod request;
mod run;

pub use aftermath::{Database, JobsLeft, OrderStore, Session, Store};
pub(crate) use answer::digest;
pub use answer::{Answer, Digest, Framing};
pub(crate) use outcome::Meaning;
pub use outcome::{Close, Outcome};
pub use process::{Ended, Orphan, SignalState};
pub use request::{Phase, Request, Shape};
pub use run::{Held, ReadySample, ReadyState, Record, Traffic};
