use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Guard, Tracker};

/// Admits work until it is closed, and counts what it admitted.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    closed: Arc<AtomicBool>,
    tracker: Tracker,
}

/// The gate was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing new is admitted: the gate is closed")]
pub struct Closed;

impl Gate {
    /// Makes an open gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits one piece of work.
    pub fn enter(&self) -> Result<Guard, Closed> {
        let guard = self.tracker.guard();
        if self.closed.load(Ordering::SeqCst) { Err(Closed) } else { Ok(guard) }
    }

    /// Closes the gate: every later [`enter`](Self::enter) fails.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Tells whether the gate was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Returns the tracker of what was admitted.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }
}
