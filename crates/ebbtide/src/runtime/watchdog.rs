use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::forced_exit;
use super::input::{Input, Inputs};
use super::ledger::LifecycleLedger;
use super::os::exit;
use super::os::signals::{SignalPipe, Wake};
use crate::model::{Exit, Plan, Report};
use crate::util::clock;

/// A plain thread that receives the signals and enforces the deadline, independently of the runtime.
///
/// # Invariants
/// 1. From [`Watchdog::start`] on, every stop signal is received by this thread or is still in its pipe.
/// 2. The first signal arms the deadline before the dispatcher receives the signal. The deadline never moves later.
/// 3. A second signal that arrives the guard time or more after the first ends the process without the runtime. Before that,
///    only temporary files are removed, which takes at most [`TEMPORARIES_TIMEOUT`]. A second signal that arrives earlier has no effect.
/// 4. Only this thread ends the process at the deadline.
/// 5. If the machine has not started the flushers when they are due, this thread starts them, and the machine continues to wait
///    until the forced exit: a runtime that recovers loses nothing.
/// 6. When it is disarmed, the signal handlers are removed, the thread and the ledger are freed, and a received signal that did
///    not begin the shutdown has the effect that it has without a lifecycle.
#[derive(Clone, Debug)]
pub(crate) struct Watchdog {
    state: Arc<Mutex<WatchdogState>>,
    pipe: SignalPipe,
}

#[derive(Debug)]
struct WatchdogState {
    plan: Plan,
    began: Option<Instant>,
    /// The first signal, and its time by the clock of the signal handlers.
    first_signal: Option<(i32, Duration)>,
    disarmed: bool,
    /// The exit code, once it is decided. A process that hangs after that still exits with it.
    decided: Option<u8>,
    /// The flushers were started because the machine had not started them.
    flushes: bool,
    ledger: Option<Arc<LifecycleLedger>>,
    report_path: Option<PathBuf>,
    thread: Option<JoinHandle<()>>,
    /// A signal that arrived when the watchdog was disarmed.
    late: Option<i32>,
}

/// How long a second signal waits for the removal of temporary files.
const TEMPORARIES_TIMEOUT: Duration = Duration::from_millis(250);

impl Watchdog {
    /// Installs handlers for `signals` and starts the thread.
    pub(crate) fn start(plan: Plan, inputs: Inputs, signals: &[i32]) -> io::Result<Self> {
        let pipe = SignalPipe::new()?;
        pipe.take(signals)?;
        let state = WatchdogState {
            plan,
            began: None,
            first_signal: None,
            disarmed: false,
            decided: None,
            flushes: false,
            ledger: None,
            report_path: None,
            thread: None,
            late: None,
        };
        let watchdog = Self { state: Arc::new(Mutex::new(state)), pipe };
        let watching = watchdog.clone();
        let thread = thread::Builder::new()
            .name("ebbtide watchdog".to_owned())
            .spawn(move || watching.watch(&inputs))?;
        watchdog.lock().thread = Some(thread);
        Ok(watchdog)
    }

    /// Handles additional signals.
    pub(crate) fn also_on(&self, numbers: &[i32]) -> io::Result<()> {
        self.pipe.take(numbers)
    }

    /// Sets what the watchdog needs for the final report.
    pub(crate) fn configure(&self, plan: Plan, ledger: Arc<LifecycleLedger>, report_path: Option<PathBuf>) {
        let mut state = self.lock();
        state.plan = plan;
        if let (Some((number, _)), Some(began)) = (state.first_signal, state.began) {
            ledger.note_signal(number, began);
        }
        state.ledger = Some(ledger);
        state.report_path = report_path;
        drop(state);
        self.pipe.wake();
    }

    /// Arms the deadline for a shutdown that begins now. A shutdown that has begun keeps its deadline.
    pub(crate) fn arm(&self) {
        let mut state = self.lock();
        if state.began.is_none() {
            state.began = Some(clock::real());
            drop(state);
            self.pipe.wake();
        }
    }

    /// Returns how long ago the deadline was armed.
    pub(crate) fn armed_for(&self) -> Option<Duration> {
        self.lock().began.map(|began| clock::real().saturating_duration_since(began))
    }

    /// Ends the lifecycle after a panic of the dispatcher: flushes and reports what is still possible by the deadline, and
    /// returns the report.
    pub(crate) fn dispatcher_has_exited(&self, ledger: &Arc<LifecycleLedger>, message: String) -> Report {
        self.arm();
        self.decide(Exit::FAILED);
        let state = self.lock();
        let hard = clock::after(state.began.unwrap_or_else(clock::real), state.plan.forced_at());
        let path = state.report_path.clone();
        drop(state);
        forced_exit::report_panic(ledger, path.as_deref(), hard, message)
    }

    /// Records the exit code for a process that hangs while it exits.
    pub(crate) fn decide(&self, code: u8) {
        self.lock().decided = Some(code);
    }

    /// Disarms the watchdog: the process continues as if there had been no lifecycle.
    pub(crate) fn disarm(&self) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.disarmed, true) {
            return;
        }
        let thread = state.thread.take();
        drop(state);
        self.pipe.wake();
        if let Some(thread) = thread {
            // The thread ends immediately. If it is about to end the process instead, this waits for that.
            let _ = thread.join();
        }
        self.pipe.restore();
        while let Some(wake) = self.pipe.read() {
            if let Wake::Signal { number, at } = wake {
                self.record_late_signal(number, at);
            }
        }
        if let Some(number) = self.untaken() {
            exit::deliver(number);
        }
    }

    /// Records a signal that arrived too late for the lifecycle, unless it duplicates the first one.
    fn record_late_signal(&self, number: i32, at: Duration) {
        let mut state = self.lock();
        let first = state.first_signal.map(|(_, first)| at.saturating_sub(first));
        if first.is_none_or(|after| state.plan.is_second_signal(after)) {
            state.late.get_or_insert(number);
        }
    }

    /// Returns a signal that began no shutdown, and releases the ledger.
    fn untaken(&self) -> Option<i32> {
        let mut state = self.lock();
        let ledger = state.ledger.take();
        let (late, first) = (state.late, state.first_signal);
        drop(state);
        let was_taken = ledger.is_some_and(|ledger| ledger.was_signalled());
        late.or(first.filter(|_| !was_taken).map(|(number, _)| number))
    }

    fn watch(&self, inputs: &Inputs) {
        while !self.lock().disarmed {
            match self.pipe.wait(self.patience()) {
                Wake::Signal { number, at } => self.signal(number, at, inputs),
                Wake::Timeout => self.deadline_passed(),
                Wake::Poked => {}
            }
        }
    }

    /// Returns the time until the next timed action; `None` before a shutdown.
    fn patience(&self) -> Option<Duration> {
        let state = self.lock();
        let began = state.began.filter(|_| !state.disarmed)?;
        let next = if state.flushes { state.plan.forced_at() } else { state.plan.flush_overdue_at() };
        Some(clock::after(began, next).saturating_duration_since(clock::real()))
    }

    fn signal(&self, number: i32, at: Duration, inputs: &Inputs) {
        let mut state = self.lock();
        if state.disarmed {
            drop(state);
            return self.record_late_signal(number, at);
        }
        if let Some((_, first)) = state.first_signal {
            let after = at.saturating_sub(first);
            if !state.plan.is_second_signal(after) {
                drop(state);
                // The dispatcher logs it, because a subscriber may hang.
                inputs.send(Input::IgnoredSignal { number, after });
                return;
            }
            let ledger = state.ledger.clone();
            drop(state);
            if let Some(ledger) = ledger {
                forced_exit::write_second_signal(&ledger, number, after);
                ledger.temporaries().remove_all_within(TEMPORARIES_TIMEOUT);
            }
            exit::by_signal(number);
        }
        state.first_signal = Some((number, at));
        let began = *state.began.get_or_insert_with(clock::real);
        if let Some(ledger) = &state.ledger {
            ledger.note_signal(number, began);
        }
        drop(state);
        let skip_lame_duck = number == libc::SIGINT && exit::at_a_terminal();
        inputs.send(Input::Signal { number, skip_lame_duck });
    }

    fn deadline_passed(&self) {
        let mut state = self.lock();
        let Some(began) = state.began.filter(|_| !state.disarmed) else { return };
        let hard = clock::after(began, state.plan.deadline);
        if !state.flushes && clock::real() >= clock::after(began, state.plan.flush_overdue_at()) {
            state.flushes = true;
            if let (None, Some(ledger)) = (state.decided, &state.ledger) {
                forced_exit::flush_early(ledger, hard);
            }
        }
        if clock::real() < clock::after(began, state.plan.forced_at()) {
            return;
        }
        let (decided, ledger, path) = (state.decided, state.ledger.clone(), state.report_path.clone());
        drop(state);
        match (decided, ledger) {
            // The exit is decided: only the report, a callback, or the exit of the process takes too long.
            (Some(code), Some(ledger)) => {
                forced_exit::exit_with_decided_code(&ledger, path.as_deref(), hard, code)
            }
            (Some(code), None) => exit::now(code),
            (None, Some(ledger)) => forced_exit::report_and_exit(&ledger, path.as_deref(), hard),
            (None, None) => exit::now(Exit::WATCHDOG),
        }
    }

    fn lock(&self) -> MutexGuard<'_, WatchdogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
