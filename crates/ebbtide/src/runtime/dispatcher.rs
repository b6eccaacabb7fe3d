use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::executor::{Executor, Next};
use super::input::{Input, Inputs};
use super::{LifecycleLedger, Observers, Registration, Watchdog, messages, report_file};
use crate::drain::{Arrivals, StopSource};
use crate::model::{ComponentId, Effect, End, Event, Exit, Kind, Phase, Report, Spec};
use crate::util::panics;

/// The only loop over the machine: inputs become events, the machine decides, and the executor applies the effects.
pub(crate) struct Dispatcher {
    executor: Executor,
    ledger: Arc<LifecycleLedger>,
    watchdog: Option<Watchdog>,
    inputs: mpsc::UnboundedReceiver<Input>,
    arrivals: Arrivals,
    seen: u64,
    settings: Settings,
    observers: Observers,
    wake: Option<Duration>,
    next_progress: Option<Duration>,
    /// When components were last asked to stop.
    asked: Duration,
}

/// The settings of the dispatcher.
pub(crate) struct Settings {
    pub(crate) mode: RunMode,
    pub(crate) report_path: Option<PathBuf>,
    pub(crate) on_report: Vec<ReportCallback>,
    pub(crate) progress_every: Duration,
}

/// A callback that receives the report.
pub(crate) type ReportCallback = Box<dyn FnOnce(&Report) + Send>;

/// Where a lifecycle runs. This decides how it ends and what it may do to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunMode {
    /// The lifecycle owns the process.
    Process,
    /// The lifecycle shares the process, in a test or in a standalone server. It ends only itself.
    #[cfg(any(feature = "testing", feature = "http"))]
    Guest,
}

/// What the dispatcher shares with the handle and the watchdog.
pub(crate) struct Links {
    pub(crate) ledger: Arc<LifecycleLedger>,
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) inputs: (Inputs, mpsc::UnboundedReceiver<Input>),
    pub(crate) announced: StopSource,
    pub(crate) drain: StopSource,
    pub(crate) phases: watch::Sender<Phase>,
    pub(crate) arrivals: Arrivals,
    pub(crate) observers: Observers,
}

/// How long a start-up may take before it is logged as not finished.
const START_UP_PATIENCE: Duration = Duration::from_secs(1);

/// A request for a shutdown that the runtime receives this much later is logged as late.
const LATE: Duration = Duration::from_millis(100);

/// The interval between two checks for new requests during the lame duck. It limits the accuracy of the quiet time.
const ARRIVALS_INTERVAL: Duration = Duration::from_millis(10);

impl Dispatcher {
    /// Creates the dispatcher with the start-up as its first component.
    pub(crate) fn new(links: Links, settings: Settings, start_up: Registration) -> Self {
        let Links {
            ledger,
            watchdog,
            inputs: (sender, inputs),
            announced,
            drain,
            phases,
            arrivals,
            mut observers,
        } = links;
        let mut executor =
            Executor::new(Arc::clone(&ledger), settings.mode, sender, (announced, drain), phases);
        // Before the first input: a signal that has already arrived would find no component to wait for.
        let registered = Event::Registered(executor.adopt(start_up));
        let due = ledger.step(registered);
        debug_assert!(due.is_empty(), "nothing is due before a stop");
        observers.look(&ledger);
        let wake = None;
        let next_progress = settings.mode.is_process().then_some(START_UP_PATIENCE);
        Self {
            executor,
            ledger,
            watchdog,
            inputs,
            arrivals,
            seen: 0,
            settings,
            observers,
            wake,
            next_progress,
            asked: Duration::ZERO,
        }
    }

    /// Runs the lifecycle to its end and returns the report, which has been logged, written and passed to the callbacks.
    pub(crate) async fn run(mut self) -> Report {
        let exit = loop {
            let event = self.next().await;
            if let Some(exit) = self.dispatch(event) {
                break exit;
            }
        };
        self.finish(exit)
    }

    async fn next(&mut self) -> Event {
        loop {
            let alarm = self.alarm();
            let sleep = async {
                match alarm {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // The channel never closes: the executor holds a sender.
                Some(input) = self.inputs.recv() => {
                    if let Some(event) = self.receive(input) {
                        return event;
                    }
                }
                (id, end) = self.executor.ended() => return self.ended(id, end),
                () = self.observers.changed() => self.observers.look(&self.ledger),
                () = sleep => return self.tick(),
            }
        }
    }

    fn receive(&mut self, input: Input) -> Option<Event> {
        match input {
            Input::Register(registration) => {
                self.log_if_ambiguous(&registration.spec);
                Some(Event::Registered(self.executor.adopt(registration)))
            }
            Input::Ended(id, end) => Some(self.ended(id, end)),
            Input::Signal { number, skip_lame_duck } => {
                let at = self.requested_at();
                if !self.ledger.was_signalled() {
                    self.log_signal(number);
                    self.log_if_late(at);
                }
                Some(Event::Signal { number, skip_lame_duck, at })
            }
            Input::IgnoredSignal { number, after } => {
                messages::log_duplicate_signal(self.ledger.name(), number, after);
                None
            }
            Input::Stop(cause) if self.ledger.stop_began().is_none() => {
                tracing::info!(lifecycle = self.ledger.name(), %cause, "shutdown requested");
                let at = self.requested_at();
                self.log_if_late(at);
                Some(Event::Stop { cause, at })
            }
            Input::Stop(_) => None,
        }
    }

    /// Logs that a component has the name and the stage of an earlier one: the log cannot tell them apart, and the metrics have their
    /// sum. It is no error: both are stopped and reported. A component that may end by itself has often the name of its kind.
    fn log_if_ambiguous(&self, spec: &Spec) {
        let is_known = spec.kind != Kind::Finite && !self.ledger.phase().is_stopping();
        if is_known && self.ledger.has_component(&spec.name, spec.stage) {
            let (component, stage) = (&spec.name, spec.stage.name());
            crate::runtime::log_warn!(
                lifecycle = self.ledger.name(),
                component,
                stage,
                "two components have the same name"
            );
        }
    }

    fn ended(&self, id: ComponentId, end: End) -> Event {
        let component = self.ledger.component_name(id);
        match &end {
            End::Failed(error) => crate::runtime::log_error!(component, error, "component failed"),
            End::Panicked(message) => {
                crate::runtime::log_error!(component, panic = message, "component panicked")
            }
            End::Done { .. } | End::Aborted => tracing::debug!(component, ?end, "component stopped"),
        }
        Event::Ended(id, end)
    }

    fn tick(&mut self) -> Event {
        let now = self.ledger.now();
        self.observers.tick(&self.ledger);
        if self.next_progress.is_some_and(|at| at <= now) {
            self.log_progress(now);
        }
        let count = self.arrivals.count();
        if std::mem::replace(&mut self.seen, count) == count { Event::Tick } else { Event::Arrival }
    }

    fn log_progress(&mut self, now: Duration) {
        let is_stopping = self.ledger.stop_began().is_some();
        // Twice as late each time: a long drain does not fill the log.
        let waited = if is_stopping { now.saturating_sub(self.asked) } else { Duration::ZERO };
        self.next_progress = Some(now.saturating_add(self.settings.progress_every.max(waited)));
        if is_stopping {
            let line = self.executor.log_progress();
            self.observers.progress(&line, now);
        } else if self.ledger.phase() == Phase::Starting {
            let (lifecycle, elapsed) = (self.ledger.name(), crate::model::show_duration(now));
            let last_registered = self.ledger.last_registered();
            super::log_warn!(lifecycle, elapsed, last_registered, "start-up has not finished");
        } else {
            self.next_progress = None;
        }
    }

    /// Schedules the next line of progress for components that were asked to stop at `asked`.
    fn wait_from(&mut self, asked: Duration) {
        self.asked = asked;
        self.next_progress = Some(asked.saturating_add(self.settings.progress_every));
    }

    /// Returns when the loop must run again without an input.
    fn alarm(&self) -> Option<Instant> {
        let in_duck = self.ledger.phase() == Phase::LameDuck;
        let look = in_duck.then(|| self.ledger.now().saturating_add(ARRIVALS_INTERVAL));
        let at = [self.wake, self.next_progress, look, self.observers.due()].into_iter().flatten().min()?;
        Some(Instant::from_std(self.ledger.instant(at)))
    }

    fn dispatch(&mut self, event: Event) -> Option<Exit> {
        let before = self.ledger.stop_began();
        let ended = match &event {
            Event::Ended(id, _) => Some(*id),
            _ => None,
        };
        let effects = self.ledger.step(event);
        if let Some(id) = ended {
            self.executor.forget(id);
            self.observers.ended(&self.ledger, id);
        }
        if before.is_none()
            && let Some(began) = self.ledger.stop_began()
        {
            if let Some(watchdog) = &self.watchdog {
                watchdog.arm();
            }
            self.wait_from(began);
        }
        self.wake = None;
        let mut over = None;
        for effect in effects {
            let enters = matches!(effect, Effect::Enter(_));
            self.observers.see(&self.ledger, &effect);
            if matches!(effect, Effect::Ask { .. }) {
                self.wait_from(self.ledger.now());
            }
            match self.executor.apply(effect) {
                Next::GoOn => {}
                Next::WakeAt(at) => self.wake = Some(at),
                Next::Exit(exit) => over = Some(exit),
            }
            if enters {
                // Before any component is asked to stop: metrics and statuses after the start of the flushers may not be
                // written.
                self.observers.look(&self.ledger);
            }
        }
        self.observers.look(&self.ledger);
        over
    }

    fn log_signal(&self, number: i32) {
        let plan = self.ledger.plan();
        let plan_deadline = crate::model::show_duration(plan.deadline);
        let guard = crate::model::show_duration(plan.signal_guard);
        let signal = crate::model::Cause::signal_name(number).unwrap_or("signal");
        if plan.platform.repeats_signal() {
            tracing::info!(
                lifecycle = self.ledger.name(),
                "{signal} received; shutting down within {plan_deadline}"
            );
        } else {
            tracing::info!(
                lifecycle = self.ledger.name(),
                "{signal} received; shutting down within {plan_deadline}; after {guard} a second signal terminates the process"
            );
        }
    }

    /// Returns when the shutdown was requested that an input begins. A blocked runtime receives the input later, and the watchdog counts
    /// from the request.
    fn requested_at(&self) -> Duration {
        let armed = self.watchdog.as_ref().filter(|_| self.ledger.stop_began().is_none());
        // The difference is real, whatever the runtime's clock shows.
        let late = armed.and_then(Watchdog::armed_for).unwrap_or_default();
        self.ledger.now().saturating_sub(late)
    }

    fn log_if_late(&self, requested: Duration) {
        let late = self.ledger.now().saturating_sub(requested);
        if late >= LATE {
            let (lifecycle, late) = (self.ledger.name(), crate::model::show_duration(late));
            super::log_warn!(
                lifecycle,
                late,
                "the runtime was blocked when the shutdown was requested; its deadlines count from the request"
            );
        }
    }

    fn finish(self, exit: Exit) -> Report {
        let report = self.ledger.report(Some(exit));
        if let Some(watchdog) = &self.watchdog {
            watchdog.decide(report.exit_code);
        }
        messages::log_failed_flushers(&report);
        if let Some(path) = &self.settings.report_path {
            report_file::write_report_or_log(&report, path, messages::log_lifecycle_error);
        }
        self.ledger.report_is_written();
        for hand_over in self.settings.on_report {
            let call = std::panic::AssertUnwindSafe(|| hand_over(&report));
            if let Err(panic) = std::panic::catch_unwind(call) {
                let message = panics::message(&*panic);
                crate::runtime::log_error!(panic = message, "report callback panicked");
            }
        }
        report
    }
}

impl RunMode {
    /// Returns whether the lifecycle owns the process.
    fn is_process(self) -> bool {
        self == Self::Process
    }

    /// Runs a function that may block, without blocking the runtime.
    pub(super) fn run_aside(self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        match self {
            Self::Process => thread::Builder::new().name(name).spawn(run).map(drop),
            // Paused time does not advance while a blocking task runs; for a separate thread it would advance too far.
            #[cfg(any(feature = "testing", feature = "http"))]
            Self::Guest => {
                drop(tokio::task::spawn_blocking(run));
                Ok(())
            }
        }
    }
}
