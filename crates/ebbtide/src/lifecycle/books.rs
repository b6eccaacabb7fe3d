use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::drain::{Registry, Tracker, Work};
use crate::model::Straggler;
use crate::runtime::clock;

/// What a pool or a ticker holds and has done.
#[derive(Debug)]
pub(in crate::lifecycle) struct Books {
    pub(in crate::lifecycle) queued: AtomicU64,
    pub(in crate::lifecycle) running: Tracker,
    pub(in crate::lifecycle) names: Registry,
    pub(in crate::lifecycle) finished: AtomicU64,
    pub(in crate::lifecycle) cut: AtomicU64,
    /// Nobody runs what comes from now on.
    over: AtomicBool,
}

impl Books {
    pub(in crate::lifecycle) fn new() -> Self {
        Self {
            queued: AtomicU64::new(0),
            running: Tracker::new(),
            names: Registry::new(clock::now),
            finished: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Counts what is queued as cut, and what will still come.
    pub(in crate::lifecycle) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.cut_what_came_too_late();
    }

    /// Called behind each job that was sent: it was counted as queued either before the end looked, which then took it over
    /// into the cut, or after, and then the end is seen here.
    pub(in crate::lifecycle) fn cut_what_came_too_late(&self) {
        if self.over.load(Ordering::SeqCst) {
            let queued = self.queued.swap(0, Ordering::SeqCst);
            self.cut.fetch_add(queued, Ordering::SeqCst);
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
