//! What happened in a run, event by event. Nothing here judges: `verdict` does, in one pure pass.

mod aftermath;
mod answer;
mod outcome;
mod process;
mod request;
mod run;

pub(crate) use aftermath::{Database, OrderStore, Session, Store};
pub(crate) use answer::{Answer, Digest, Framing, digest};
pub(crate) use outcome::{Close, Meaning, Outcome};
pub(crate) use process::{Ended, Orphan, SignalState};
pub(crate) use request::{Phase, Request, Shape};
pub(crate) use run::{Held, ReadySample, ReadyState, Record, Traffic};
