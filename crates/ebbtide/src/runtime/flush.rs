use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RunMode;
use super::os::exit::write_stderr;
use crate::model::End;
use crate::util::{BoxError, panics};

/// A flusher that runs once, started by the executor or by the watchdog, whichever is first.
///
/// It is a plain closure on a dedicated thread, so that it runs although the runtime is blocked, and so that a flush that
/// deadlocks blocks nothing else.
pub(crate) struct FlushSlot {
    name: String,
    is_last: bool,
    state: Mutex<SlotState>,
    over: Condvar,
}

/// Flushes within the given time.
pub(crate) type Flush = Box<dyn FnOnce(Duration) -> Result<(), BoxError> + Send>;

type Done = Box<dyn FnOnce(End) + Send>;

enum SlotState {
    Waiting(Flush),
    Running(Vec<Done>),
    Over(End),
}

impl FlushSlot {
    pub(crate) fn new(name: String, flush: Flush) -> Self {
        Self { name, is_last: false, state: Mutex::new(SlotState::Waiting(flush)), over: Condvar::new() }
    }

    /// Creates an exit hook, which runs after everything else, including the flushers.
    pub(crate) fn last(name: String, run: Flush) -> Self {
        Self { is_last: true, ..Self::new(name, run) }
    }

    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs the flusher on another thread, unless it was started before. `done` is called when it has ended, in either case.
    pub(crate) fn start(
        self: &Arc<Self>,
        mode: RunMode,
        left: Duration,
        done: impl FnOnce(End) + Send + 'static,
    ) {
        let mut state = self.lock();
        let flush = match mem::replace(&mut *state, SlotState::Running(Vec::new())) {
            SlotState::Waiting(flush) => flush,
            SlotState::Running(mut waiting) => {
                waiting.push(Box::new(done));
                *state = SlotState::Running(waiting);
                return;
            }
            SlotState::Over(end) => {
                *state = SlotState::Over(end.clone());
                drop(state);
                return done(end);
            }
        };
        *state = SlotState::Running(vec![Box::new(done)]);
        drop(state);
        let slot = Arc::clone(self);
        let run = move || slot.run(flush, left);
        // Without a thread `done` is not called, and the flusher is reported when its deadline passes.
        if let Err(error) = mode.run_aside(format!("flush {}", self.name), run) {
            // Not through `tracing`: during a forced exit a subscriber may hang.
            write_stderr(&format!("error: {}: cannot start the flush thread: {error}\n", self.name));
        }
    }

    /// Waits until the flusher has ended, or until `limit` has passed: `None`. Blocks its thread.
    pub(crate) fn wait(&self, limit: Duration) -> Option<End> {
        let is_open = |state: &mut SlotState| !matches!(state, SlotState::Over(_));
        let waited = self.over.wait_timeout_while(self.lock(), limit, is_open);
        match &*waited.unwrap_or_else(PoisonError::into_inner).0 {
            SlotState::Over(end) => Some(end.clone()),
            SlotState::Waiting(_) | SlotState::Running(_) => None,
        }
    }

    /// Runs the flusher on this thread, unless it was started before.
    pub(crate) fn run_here(&self, left: Duration) {
        let mut state = self.lock();
        if let SlotState::Waiting(_) = &*state
            && let SlotState::Waiting(flush) = mem::replace(&mut *state, SlotState::Running(Vec::new()))
        {
            drop(state);
            self.run(flush, left);
        }
    }

    fn run(&self, flush: Flush, left: Duration) {
        let end = match catch_unwind(AssertUnwindSafe(|| flush(left))) {
            Ok(Ok(())) => End::Done { cancelled: 0 },
            Ok(Err(error)) => End::Failed(panics::chain(&*error)),
            Err(panic) => End::Panicked(panics::message(&*panic)),
        };
        let begun = mem::replace(&mut *self.lock(), SlotState::Over(end.clone()));
        self.over.notify_all();
        if let SlotState::Running(waiting) = begun {
            waiting.into_iter().for_each(|done| done(end.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FlushSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlushSlot").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_flusher_runs_once_and_notifies_every_caller() {
        let (told, heard) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let runs = told.clone();
        let flush: Flush = Box::new(move |left| {
            runs.send(format!("runs for {left:?}"))?;
            gate.recv()?;
            Err("the collector is gone".into())
        });
        let slot = Arc::new(FlushSlot::new("log".to_owned(), flush));
        let tell = |who: &'static str| {
            let told = told.clone();
            move |end| drop(told.send(format!("{who}: {end:?}")))
        };
        slot.start(RunMode::Process, LONG, tell("first"));
        assert_eq!(heard.recv().unwrap(), "runs for 30s");
        slot.start(RunMode::Process, LONG, tell("while it runs"));
        assert_eq!(slot.wait(Duration::from_millis(1)), None);
        open.send(()).unwrap();
        let end = End::Failed("the collector is gone".to_owned());
        assert_eq!(slot.wait(LONG), Some(end.clone()));
        assert_eq!(heard.recv().unwrap(), format!("first: {end:?}"));
        assert_eq!(heard.recv().unwrap(), format!("while it runs: {end:?}"));
        slot.start(RunMode::Process, LONG, tell("afterwards"));
        assert_eq!(heard.recv().unwrap(), format!("afterwards: {end:?}"));
        assert!(heard.try_recv().is_err(), "it ran once");
    }
}
