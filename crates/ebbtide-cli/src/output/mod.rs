//! The output of the command: text, JSON, progress. It depends on verdicts; verdicts do not depend on it.

mod destination;
mod json;
mod paint;
mod stderr;
mod table;
mod text;

pub(crate) use destination::Destination;
pub(crate) use json::Recorder;
pub(crate) use stderr::{Progress, complain, not_rehearsed};
