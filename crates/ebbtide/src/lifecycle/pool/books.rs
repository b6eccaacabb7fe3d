use std::sync::atomic::{AtomicU64, Ordering};

use crate::drain::{Registry, Tracker, Work};
use crate::model::Straggler;
use crate::runtime::clock;

/// What a pool holds and has done.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) queued: AtomicU64,
    pub(super) running: Tracker,
    pub(super) names: Registry,
    pub(super) finished: AtomicU64,
    pub(super) cut: AtomicU64,
}

impl Books {
    pub(super) fn new() -> Self {
        Self {
            queued: AtomicU64::new(0),
            running: Tracker::new(),
            names: Registry::new(clock::now),
            finished: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        }
    }
}

impl Work for Books {
    fn in_flight(&self) -> u64 {
        self.queued.load(Ordering::SeqCst) + self.running.in_flight()
    }

    fn finished(&self) -> u64 {
        self.finished.load(Ordering::SeqCst)
    }

    fn cut(&self) -> u64 {
        self.cut.load(Ordering::SeqCst)
    }

    fn stragglers(&self) -> Vec<Straggler> {
        self.names.stragglers()
    }
}
