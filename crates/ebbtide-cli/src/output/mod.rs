//! What people and programs read: text, JSON, progress. Knows verdicts; no verdict knows it.

mod destination;
mod json;
mod paint;
mod stderr;
mod table;
mod text;

pub(crate) use destination::Destination;
pub(crate) use json::Recorder;
pub(crate) use stderr::{Progress, complain, not_rehearsed};
