use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::panics;
use crate::model::End;

/// A flusher that is run once, by whoever comes first: the executor, or the watchdog on the forced path.
///
/// It is a plain closure on a thread of its own, so that it runs although the runtime is blocked, and so that a flush
/// that deadlocks holds nobody.
pub(crate) struct FlushSlot {
    name: String,
    flush: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl FlushSlot {
    pub(crate) fn new(name: String, flush: Box<dyn FnOnce() + Send>) -> Self {
        Self { name, flush: Mutex::new(Some(flush)) }
    }

    /// Runs the flusher on a thread, unless it was run before. `done` is called on that thread.
    pub(crate) fn start(&self, done: impl FnOnce(End) + Send + 'static) {
        let flush = self.flush.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(flush) = flush else { return };
        let run = move || {
            done(match catch_unwind(AssertUnwindSafe(flush)) {
                Ok(()) => End::Done { cut: 0 },
                Err(panic) => End::Panicked(panics::message(&*panic)),
            });
        };
        let started = thread::Builder::new().name(format!("flush {}", self.name)).spawn(run);
        // Without a thread `done` is dropped uncalled, and the flusher's deadline passes: it is reported as stuck.
        if let Err(error) = started {
            tracing::error!(flusher = self.name, %error, "no thread to flush on");
        }
    }
}

impl fmt::Debug for FlushSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlushSlot").field("name", &self.name).finish_non_exhaustive()
    }
}
