use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Straggler;

/// Tells what a component has in flight, for the progress line and the report.
///
/// Asked from any thread, the watchdog's among them: an implementation never blocks for longer than a short lock.
pub trait Work: Send + Sync + 'static {
    /// Returns how many pieces of work are in flight now.
    fn in_flight(&self) -> u64;

    /// Returns how many have finished whole since the component began.
    fn finished(&self) -> u64;

    /// Returns how many were ended by us before they finished.
    fn cut(&self) -> u64;

    /// Returns what is in flight now, oldest first.
    fn stragglers(&self) -> Vec<Straggler>;
}

/// Counts new requests, so that the lame duck can tell when none comes any more.
///
/// Servers note an arrival from the signal on; before it nobody asks.
#[derive(Clone, Default)]
pub struct Arrivals {
    count: Arc<AtomicU64>,
}

impl Arrivals {
    /// Makes a counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a new request came.
    #[inline]
    pub fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many were noted.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arrivals").field(&self.count()).finish()
    }
}
