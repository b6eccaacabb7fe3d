use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::lifecycle::{Assembled, Handle, Lifecycle, RunEnvironment};
use crate::model::{Budget, Phase, Platform, Report};
use crate::runtime::{Input, Inputs, LifecycleLedger, Manager, RunMode, START_UP, start_up};
use crate::util::BoxError;

/// A lifecycle that runs inside a test, on the runtime and the clock of the test.
///
/// It uses the same state machine, dispatcher and escalation as a process, with three exceptions. It handles no signals of the
/// process: [`terminate`](Self::terminate) simulates one. It does not end the process: a second signal ends the lifecycle. No
/// watchdog thread enforces the deadline: code that blocks its thread blocks the test.
///
/// Paused time advances to the next timer whenever every task waits. It does not account for external waits: a socket, a
/// process, a separate thread. Do not pause time for those (`#[tokio::test]` without `start_paused`), or use
/// `tokio::task::spawn_blocking`, during which time does not advance. The same holds for flushers: a flusher that never returns
/// blocks the test. The wall clock of cron expressions advances with paused time, from the start of the test.
///
/// Dropping a trial aborts everything that it runs.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ebbtide::model::Outcome;
/// use ebbtide::testing::{self, Trial};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let lifecycle = testing::lifecycle("orders").grace(Duration::from_secs(30));
/// let service = Trial::start(lifecycle, async |app| {
///     app.resource("pool", (), |()| std::future::pending::<()>());
///     Ok(())
/// });
/// service.ready().await;
/// let report = service.stop().await;
/// assert_eq!(report.exit_code, 3);
/// assert_eq!(report.component("pool").and_then(|pool| pool.outcome.clone()), Some(Outcome::Cancelled));
/// assert!(report.stop < Duration::from_secs(25), "in time, by the paused clock");
/// # }
/// ```
#[must_use = "dropping a trial aborts its lifecycle"]
pub struct Trial {
    app: Handle,
    inputs: Inputs,
    tasks: JoinSet<Option<Report>>,
    signalled: AtomicBool,
}

impl Trial {
    /// Starts a service, as a program does with [`Lifecycle::run`].
    ///
    /// Returns immediately; [`ready`](Self::ready) waits for the start-up. Pass a [`lifecycle`](super::lifecycle) of this module:
    /// one created by [`Lifecycle::new`] handles the signals of the process.
    ///
    /// # Panics
    ///
    /// When the budget is invalid, with the arithmetic in the message, and outside a tokio runtime.
    pub fn start<F, Fut>(lifecycle: Lifecycle, begin: F) -> Self
    where
        F: FnOnce(Handle) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let ledger = ledger(&lifecycle);
        tracing::info!(lifecycle = ledger.name(), plan = %ledger.plan(), "shutdown plan");
        let surroundings = RunEnvironment {
            ledger,
            watchdog: None,
            mode: RunMode::Guest,
            report_path: None,
            manager: Manager::default(),
        };
        let Assembled { app, dispatcher, inputs, abandon } = lifecycle.assemble(surroundings);
        let (starting, started) = (begin(app.clone()), inputs.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { Some(dispatcher.run().await) });
        tasks.spawn(async move {
            let end = start_up(starting, &abandon).await;
            started.send(Input::Ended(START_UP, end));
            None
        });
        Self { app, inputs, tasks, signalled: AtomicBool::new(false) }
    }

    /// Returns the handle of the lifecycle.
    pub fn handle(&self) -> &Handle {
        &self.app
    }

    /// Returns the current phase.
    pub fn phase(&self) -> Phase {
        self.app.phase()
    }

    /// Waits until the lifecycle has reached `phase` or a later one.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn reached(&self, phase: Phase) {
        self.app.reached(phase).await;
    }

    /// Waits until the start-up has finished.
    ///
    /// # Panics
    ///
    /// When a shutdown has begun instead; the message contains its cause.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    #[expect(clippy::panic, reason = "in a test, a service that does not start is the test's failure")]
    pub async fn ready(&self) {
        self.reached(Phase::Ready).await;
        let (phase, stop) = (self.phase(), self.app.stop_token());
        if let Some(cause) = stop.cause() {
            panic!("the service is not ready but {phase}: {cause}");
        }
    }

    /// Simulates SIGTERM. A second signal ends the lifecycle immediately, with the exit code 143 in its report, if
    /// it arrives the [guard time](crate::Lifecycle::signal_guard) or more after the first.
    pub fn terminate(&self) {
        self.signal(libc::SIGTERM, false);
    }

    /// Simulates Ctrl-C at a terminal: a shutdown without a lame duck.
    pub fn interrupt(&self) {
        self.signal(libc::SIGINT, true);
    }

    /// Waits until the lifecycle has exited, whatever began the shutdown, and returns the report.
    ///
    /// # Panics
    ///
    /// When the lifecycle has panicked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the lifecycle, which it owns.
    pub async fn exited(mut self) -> Report {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Some(report))) => return report,
                Some(Ok(None)) => {}
                // Only the drop of this trial aborts the tasks: otherwise it is a panic.
                Some(Err(error)) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Stops the lifecycle as [`terminate`](Self::terminate) does, unless it is already stopping. Waits until it has exited, and
    /// returns the report.
    ///
    /// # Panics
    ///
    /// When the lifecycle has panicked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the lifecycle, which it owns.
    pub async fn stop(self) -> Report {
        // A signal that was sent and not yet processed would make this one the second.
        if !self.phase().is_stopping() && !self.signalled.load(Ordering::SeqCst) {
            self.terminate();
        }
        self.exited().await
    }

    fn signal(&self, number: i32, skip_lame_duck: bool) {
        self.signalled.store(true, Ordering::SeqCst);
        self.inputs.send(Input::Signal { number, skip_lame_duck });
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("phase", &self.phase()).finish_non_exhaustive()
    }
}

/// Begins a lifecycle for a [`Trial`]: like [`Lifecycle::new`], but it handles no signals and starts no thread.
///
/// Its budget is that of no platform, wherever the tests run. Environment variables do not override it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let _lifecycle = ebbtide::testing::lifecycle("orders").grace(Duration::from_secs(60));
/// ```
pub fn lifecycle(name: impl Into<String>) -> Lifecycle {
    lifecycle_on(Platform::Plain, name)
}

/// Begins a lifecycle for a [`Trial`] as if it ran on `platform`.
///
/// # Examples
///
/// ```
/// use ebbtide::model::Platform;
///
/// let _lifecycle = ebbtide::testing::lifecycle_on(Platform::Kubernetes, "orders");
/// ```
pub fn lifecycle_on(platform: Platform, name: impl Into<String>) -> Lifecycle {
    Lifecycle::as_guest(name.into(), Budget::of(platform))
}

#[expect(clippy::panic, reason = "in a test, a budget that cannot work is the test's failure")]
fn ledger(lifecycle: &Lifecycle) -> Arc<LifecycleLedger> {
    match lifecycle.ledger() {
        Ok(ledger) => Arc::new(ledger),
        Err(error) => panic!("{error}"),
    }
}
