//! From an asynchronous signal to a thread that waits for it, by a pipe.

mod handler;
mod pipe;

pub(crate) use pipe::{SignalPipe, Wake, is_default, raise, raise_by_default};
