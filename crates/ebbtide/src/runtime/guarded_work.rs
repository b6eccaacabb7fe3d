use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::drain::{Work, WorkCounts};
use crate::model::Straggler;
use crate::util::panics;

/// The work of a component, called safely: it may be user code, and the dispatcher calls it.
///
/// 1. A panic is logged once, with the name of the component, and counts as no work in flight.
/// 2. A work that takes a snapshot of the lifecycle is not called again by it: it counts as no work in flight there.
/// 3. It is called outside the ledger's lock.
pub(super) struct GuardedWork {
    component: String,
    work: Arc<dyn Work>,
    fell_over: AtomicBool,
}

thread_local! {
    /// This thread is calling a component's work.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

impl GuardedWork {
    pub(super) fn new(component: String, work: Arc<dyn Work>) -> Self {
        Self { component, work, fell_over: AtomicBool::new(false) }
    }

    pub(super) fn counts(&self) -> WorkCounts {
        self.ask(Work::counts)
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.ask(Work::in_flight)
    }

    pub(super) fn cancelled(&self) -> u64 {
        self.ask(Work::cancelled)
    }

    /// Returns the oldest work in flight.
    pub(super) fn stragglers(&self) -> Vec<Straggler> {
        let mut stragglers = self.ask(Work::stragglers);
        stragglers.truncate(Straggler::SHOWN);
        stragglers
    }

    pub(super) fn requeued_ids(&self) -> Vec<String> {
        self.ask(Work::requeued_ids)
    }

    pub(super) fn unsettled(&self) -> Vec<String> {
        self.ask(Work::unsettled)
    }

    pub(super) fn prepare_for_exit(&self) {
        self.ask(Work::prepare_for_exit);
    }

    fn ask<T: Default>(&self, question: impl FnOnce(&dyn Work) -> T) -> T {
        if ASKING.replace(true) {
            return T::default();
        }
        let answer = catch_unwind(AssertUnwindSafe(|| question(&*self.work)));
        ASKING.set(false);
        answer.unwrap_or_else(|panic| {
            if !self.fell_over.swap(true, Ordering::SeqCst) {
                let (component, message) = (&self.component, panics::message(&*panic));
                crate::runtime::log_error!(
                    component,
                    panic = message,
                    "component panicked while reporting its in-flight work"
                );
            }
            T::default()
        })
    }
}
