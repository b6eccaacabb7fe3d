//! Passes asynchronous signals through a pipe to a thread that waits for them.

mod handler;
mod pipe;

pub(crate) use pipe::{SignalPipe, Wake, is_default, raise, raise_by_default};
