//! What people and programs read: text, JSON, progress. Knows verdicts; no verdict knows it.

mod bars;
mod complaint;
mod destination;
mod json;
mod paint;
mod progress;
mod recorder;
mod table;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use complaint::{complain, not_rehearsed};
pub(crate) use destination::Destination;
pub(crate) use progress::Progress;
pub(crate) use recorder::Recorder;
