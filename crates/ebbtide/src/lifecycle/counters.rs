use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::drain::{Registry, Tracker, Work, WorkCounts};
use crate::model::Straggler;
use crate::util::clock;

/// The work in flight and the counts of a pool or a ticker.
#[derive(Debug)]
pub(super) struct JobCounters {
    /// Every accepted job, or every started run.
    pub(super) begun: AtomicU64,
    pub(super) queued: AtomicU64,
    pub(super) running: Tracker,
    pub(super) names: Registry,
    pub(super) finished: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) cancelled: AtomicU64,
    /// Jobs that arrive from now on are not run.
    over: AtomicBool,
}

impl JobCounters {
    pub(super) fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            running: Tracker::new(),
            names: Registry::with_clock(clock::now),
            finished: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Counts queued and later jobs as cancelled.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.cancel_late_arrivals();
    }

    /// Called after each sent job. Either the end of the pool found the job in the queued count and counted it as cancelled, or
    /// the end came before and this call sees it.
    pub(super) fn cancel_late_arrivals(&self) {
        if self.over.load(Ordering::SeqCst) {
            let queued = self.queued.swap(0, Ordering::SeqCst);
            self.cancelled.fetch_add(queued, Ordering::SeqCst);
        }
    }
}

impl Work for JobCounters {
    fn in_flight(&self) -> u64 {
        self.queued.load(Ordering::SeqCst) + self.running.in_flight()
    }

    fn finished(&self) -> u64 {
        self.finished.load(Ordering::SeqCst)
    }

    fn cancelled(&self) -> u64 {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Work without an outcome is in flight: between its end and its count a job is in neither the queue nor the workers.
    fn counts(&self) -> WorkCounts {
        let mut counts = WorkCounts::default();
        // The outcomes first: a job that ends meanwhile still counts as in flight here.
        counts.finished = self.finished.load(Ordering::SeqCst);
        counts.failed = self.failed.load(Ordering::SeqCst);
        counts.cancelled = self.cancelled.load(Ordering::SeqCst);
        counts.begun = self.begun.load(Ordering::SeqCst);
        counts.in_flight = counts.begun.saturating_sub(counts.ended());
        counts
    }

    fn stragglers(&self) -> Vec<Straggler> {
        self.names.stragglers()
    }
}
