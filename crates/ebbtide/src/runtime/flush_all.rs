use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::FlushSlot;
use super::os::exit::write_stderr;
use crate::model::{End, part};
use crate::util::clock;

/// Runs many flushers concurrently during a forced exit, with a limited number of threads.
///
/// Invariants:
/// 1. Flushers start in the order given, each on the first free thread.
/// 2. A flush that hangs blocks only its thread: if none starts for [`PATIENCE`] while others wait, a thread is added.
#[derive(Clone)]
struct FlushAll {
    state: Arc<Mutex<FlushAllState>>,
    progress: Arc<Condvar>,
    left: Duration,
}

struct FlushAllState {
    waiting: VecDeque<Arc<FlushSlot>>,
    open: usize,
    /// How many flushers have started or ended.
    steps: usize,
}

/// The number of threads as long as no flusher hangs.
const THREADS: usize = 64;

/// How long all threads may be busy before one is added.
const PATIENCE: Duration = Duration::from_millis(10);

/// The maximum number of failures with a separate line.
const LINES: usize = 20;

impl FlushAll {
    /// Starts the flushers, each with the given time.
    fn begin(slots: Vec<Arc<FlushSlot>>, left: Duration) -> Self {
        let open = slots.len();
        let state = FlushAllState { waiting: slots.into(), open, steps: 0 };
        let all = Self { state: Arc::new(Mutex::new(state)), progress: Arc::default(), left };
        for _ in 0..open.min(THREADS) {
            all.add_thread();
        }
        all
    }

    /// Waits until all flushers that were started here have ended, or until `end`. Blocks its thread.
    fn wait(&self, end: Instant) {
        let mut state = self.lock();
        while state.open > 0 {
            let left = end.saturating_duration_since(clock::real());
            if left.is_zero() {
                return;
            }
            let seen = state.steps;
            let waited = self.progress.wait_timeout(state, PATIENCE.min(left));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.steps == seen && !state.waiting.is_empty() {
                drop(state);
                self.add_thread();
                state = self.lock();
            }
        }
    }

    fn add_thread(&self) {
        let all = self.clone();
        // Without a thread the waiting flushers are reported as not flushed.
        let _ = thread::Builder::new().name("flush".to_owned()).spawn(move || all.work());
    }

    fn work(&self) {
        while let Some(slot) = self.next() {
            slot.run_here(self.left);
            let mut state = self.lock();
            state.open = state.open.saturating_sub(1);
            state.steps = state.steps.saturating_add(1);
            drop(state);
            self.progress.notify_all();
        }
    }

    fn next(&self) -> Option<Arc<FlushSlot>> {
        let mut state = self.lock();
        let slot = state.waiting.pop_front()?;
        state.steps = state.steps.saturating_add(1);
        Some(slot)
    }

    fn lock(&self) -> MutexGuard<'_, FlushAllState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the flushers that were not started elsewhere, waits for all of them, and reports those that failed or have not ended
/// within `limit`. Blocks its thread.
pub(crate) fn flush_all(slots: &[Arc<FlushSlot>], lifecycle: &str, limit: Duration) {
    let end = clock::after(clock::real(), limit);
    run_all(slots, end);
    let mut failed = 0_usize;
    for slot in slots {
        let trouble = match slot.wait(end.saturating_duration_since(clock::real())) {
            Some(End::Done { .. } | End::Aborted) => continue,
            Some(End::Failed(why) | End::Panicked(why)) => why,
            None => "deadline exceeded".to_owned(),
        };
        failed = failed.saturating_add(1);
        if failed <= LINES {
            let not = if slot.is_last() { "not done" } else { "not flushed" };
            write_stderr(&format!("{lifecycle}: error: {} ({not}: {trouble})\n", slot.name()));
        }
    }
    let more = failed.saturating_sub(LINES);
    if more > 0 {
        write_stderr(&format!("{lifecycle}: error: {more} more flushers failed or exceeded the deadline\n"));
    }
}

/// Runs the flushers that were not started elsewhere, and waits for them until `end`. Blocks its thread.
pub(super) fn run_all(slots: &[Arc<FlushSlot>], end: Instant) {
    // A tenth less than the time left, so that a flusher that gives up in time can still be reported.
    let left = part(end.saturating_duration_since(clock::real()), 9, 10);
    FlushAll::begin(slots.to_vec(), left).wait(end);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn slot<T>(flush: impl FnOnce() -> T + Send + 'static) -> Arc<FlushSlot> {
        let flush = move |_| {
            flush();
            Ok(())
        };
        Arc::new(FlushSlot::new("log".to_owned(), Box::new(flush)))
    }

    fn in_time() -> Instant {
        clock::real() + LONG
    }

    #[test]
    fn a_hanging_flusher_does_not_block_the_others() {
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let done = Arc::new(AtomicUsize::new(0));
        let mut slots = Vec::new();
        // More flushers than there are threads hang, ahead of the others.
        for _ in 0..THREADS + 3 {
            let gate = Arc::clone(&gate);
            slots.push(slot(move || assert!(gate.lock().unwrap().recv().is_err(), "no message is sent")));
        }
        for _ in 0..100 {
            let done = Arc::clone(&done);
            slots.push(slot(move || done.fetch_add(1, Ordering::SeqCst)));
        }
        let all = FlushAll::begin(slots.clone(), LONG);
        let waiting = all.clone();
        let waits = thread::Builder::new().spawn(move || waiting.wait(in_time())).unwrap();
        for slot in &slots[THREADS + 3..] {
            assert_eq!(slot.wait(LONG), Some(End::Done { cancelled: 0 }));
        }
        assert_eq!(done.load(Ordering::SeqCst), 100);
        drop(open);
        waits.join().unwrap();
        assert!(slots.iter().all(|slot| slot.wait(Duration::ZERO).is_some()));
    }

    #[test]
    fn a_flusher_started_elsewhere_does_not_run_again() {
        let runs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let slots = vec![slot(move || count.fetch_add(1, Ordering::SeqCst))];
        for _ in 0..3 {
            FlushAll::begin(slots.clone(), LONG).wait(in_time());
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}
