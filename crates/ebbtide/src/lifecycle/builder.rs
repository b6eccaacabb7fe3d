use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::model::{Budget, LameDuck, Platform, Report, Stage};
use crate::runtime::{FlushSlot, Input, Inputs, ReportCallback, Watchdog, log_lifecycle_error};
use crate::util::BoxError;

/// Builds and runs the lifecycle of a process.
///
/// Create it in the first line of `main`: from [`new`](Self::new) on, SIGTERM and SIGINT begin a graceful shutdown. Signal
/// handlers that the program installs itself, for example with `tokio::signal`, run as well. Dropping a lifecycle that was not
/// run restores the previous signal handling.
///
/// # Examples
///
/// Each setter takes the builder and returns it. Variables of the environment override the times.
///
/// ```no_run
/// use std::time::Duration;
///
/// use ebbtide::lifecycle::Signal;
/// use ebbtide::model::Stage;
/// use ebbtide::{LameDuck, Lifecycle};
///
/// fn main() -> std::process::ExitCode {
///     Lifecycle::new("orders")
///         .grace(Duration::from_secs(60))
///         .margin(Duration::from_secs(3))
///         .lame_duck(LameDuck::exactly(Duration::from_secs(5)))
///         .reserve(Stage::Resources, Duration::from_secs(4))
///         .also_on(Signal::Quit)
///         .worker_threads(4)
///         .on_report(|report| println!("exit code {}", report.exit_code))
///         .run(async |_app| Ok(()))
/// }
/// ```
#[must_use = "a lifecycle captures signals but does nothing else until it is run"]
pub struct Lifecycle {
    pub(super) name: String,
    pub(super) budget: Budget,
    pub(super) signals: Vec<i32>,
    pub(super) taken: Option<Taken>,
    pub(super) inputs: (Inputs, mpsc::UnboundedReceiver<Input>),
    pub(super) on_report: Vec<ReportCallback>,
    pub(super) progress_every: Duration,
    pub(super) worker_threads: Option<usize>,
    pub(super) flushers: Vec<Arc<FlushSlot>>,
}

/// Names a signal that begins a shutdown. [`Lifecycle::new`] handles SIGTERM and SIGINT; [`Lifecycle::also_on`] adds others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// SIGTERM, which platforms send.
    Terminate,
    /// SIGINT, which a terminal sends on Ctrl-C.
    Interrupt,
    /// SIGHUP, which a terminal sends when it closes. Many services reload on it instead.
    Hangup,
    /// SIGQUIT, which some images set as their stop signal.
    Quit,
}

/// The signals that a lifecycle handles. Restored when the lifecycle is dropped or cannot be run.
#[derive(Debug)]
pub(crate) struct Taken(Option<Watchdog>);

impl Lifecycle {
    /// Begins a lifecycle: installs the signal handlers and starts the watchdog thread.
    ///
    /// The budget comes from the platform that the environment indicates (see [`Platform`]). The methods below override it.
    /// The variables `EBBTIDE_GRACE`, `EBBTIDE_MARGIN` and `EBBTIDE_LAME_DUCK` override both.
    pub fn new(name: impl Into<String>) -> Self {
        Self::on_signals(name.into(), vec![libc::SIGTERM, libc::SIGINT])
    }

    /// Begins a lifecycle that installs no signal handlers, for a program that handles its signals itself and calls
    /// [`Handle::stop`](super::Handle::stop). The watchdog thread enforces the deadline from that call on. If a blocked
    /// runtime prevents the call, the watchdog does not end the process; a signal handler on a plain thread avoids that.
    ///
    /// [`also_on`](Self::also_on) adds signals that begin a shutdown.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::process::ExitCode {
    /// # let shutdown_requested = async {};
    /// ebbtide::Lifecycle::without_signals("orders")
    /// #   .lame_duck(ebbtide::LameDuck::NONE)
    ///     .run_async(async |app| {
    ///         app.resource("pool", (), async |()| Ok(()));
    ///         shutdown_requested.await;
    ///         app.stop("the supervisor asked for it");
    ///         Ok(())
    ///     })
    ///     .await
    /// # }
    /// ```
    pub fn without_signals(name: impl Into<String>) -> Self {
        Self::on_signals(name.into(), Vec::new())
    }

    fn on_signals(name: String, signals: Vec<i32>) -> Self {
        let platform = Platform::detect(|name| std::env::var(name).ok(), std::process::id());
        let mut lifecycle = Self { signals, ..Self::as_guest(name, Budget::of(platform)) };
        // The platform's plan applies until `run` has computed the real one.
        let plan = lifecycle.budget.plan().ok();
        lifecycle.taken = plan.and_then(|plan| {
            Watchdog::start(plan, lifecycle.inputs.0.clone(), &lifecycle.signals)
                .inspect_err(|error| {
                    log_lifecycle_error(&lifecycle.name, &format!("cannot install signal handlers: {error}"))
                })
                .map(Taken::new)
                .ok()
        });
        lifecycle
    }

    /// Begins a lifecycle that handles no signals and starts no thread: one of several in a process that it does not own.
    pub(crate) fn as_guest(name: String, budget: Budget) -> Self {
        let inputs = Inputs::channel();
        Self {
            name,
            budget,
            signals: Vec::new(),
            taken: None,
            inputs,
            on_report: Vec::new(),
            progress_every: Duration::from_secs(3),
            worker_threads: None,
            flushers: Vec::new(),
        }
    }

    /// Sets the time between the stop signal and SIGKILL. Default: the platform's, 10 s where none is recognised (see [`Platform::grace`]).
    pub fn grace(mut self, grace: Duration) -> Self {
        self.budget.grace = Some(grace);
        self
    }

    /// Sets how long before SIGKILL the process must have exited. Default: a sixth of the grace period, at most 5 s.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.budget.margin = Some(margin);
        self
    }

    /// Sets how long servers keep serving after the signal. Default: the platform's, 250 ms to 2 s where none is recognised (see
    /// [`Platform::lame_duck`]). [`LameDuck::NONE`] closes them at the signal.
    pub fn lame_duck(mut self, lame_duck: LameDuck) -> Self {
        self.budget.lame_duck = Some(lame_duck);
        self
    }

    /// Sets the minimum time reserved for `stage`, which earlier stages cannot use. Intake shares the minimum of the servers.
    /// Default: a twentieth of `grace − margin`, at most 2 s; half of that for telemetry.
    pub fn reserve(mut self, stage: Stage, minimum: Duration) -> Self {
        self.budget.reserve(stage, minimum);
        self
    }

    /// Sets how long after the first signal another one counts as a duplicate of it. Default: 300 ms.
    ///
    /// A duplicate is logged and ignored; a later signal terminates the process immediately. One request often arrives twice
    /// within milliseconds: a terminal signals the whole process group, and a parent in it forwards the signal. With
    /// [`Duration::ZERO`] every further signal ends the process.
    pub fn signal_guard(mut self, guard: Duration) -> Self {
        self.budget.signal_guard = Some(guard);
        self
    }

    /// Adds a signal that begins the shutdown. Default: SIGTERM and SIGINT alone, or none after
    /// [`without_signals`](Self::without_signals).
    pub fn also_on(mut self, signal: Signal) -> Self {
        self.signals.push(signal.number());
        self
    }

    /// Registers a callback that receives the report, after it was logged and written. Default: none; several are called in the order of
    /// registration. Its panic is logged, and does not change the exit code. It is not called when the watchdog or a second signal ends the process.
    pub fn on_report(mut self, callback: impl FnOnce(&Report) + Send + 'static) -> Self {
        self.on_report.push(Box::new(callback));
        self
    }

    /// Registers a flusher, like [`Handle::on_flush`](super::Handle::on_flush), before the lifecycle runs.
    ///
    /// It also runs when the lifecycle cannot be started, so that the log of the failure is written. It runs after all other
    /// flushers.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn guard() {}
    /// fn main() -> std::process::ExitCode {
    ///     let guard = guard();
    ///     ebbtide::Lifecycle::new("orders").on_flush("log", move || drop(guard)).run(async |_app| Ok(()))
    /// }
    /// ```
    pub fn on_flush(self, name: impl Into<String>, flush: impl FnOnce() + Send + 'static) -> Self {
        self.try_on_flush(name, move |_| {
            flush();
            Ok(())
        })
    }

    /// Registers a flusher that may fail and receives the time that it has left; see
    /// [`Handle::try_on_flush`](super::Handle::try_on_flush). Otherwise like [`on_flush`](Self::on_flush).
    pub fn try_on_flush(
        mut self,
        name: impl Into<String>,
        flush: impl FnOnce(Duration) -> Result<(), BoxError> + Send + 'static,
    ) -> Self {
        self.flushers.push(Arc::new(FlushSlot::new(name.into(), Box::new(flush))));
        self
    }

    /// Sets after how long a shutdown logs the components that it waits for. Default: 3 s.
    ///
    /// The time counts from when components were last asked to stop, and doubles with each line: 3, 6, 12 and 24 s. Start-up is logged
    /// after 1 s and then at this interval.
    pub fn progress_every(mut self, interval: Duration) -> Self {
        self.progress_every = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets the number of worker threads of the runtime that [`run`](Self::run) and [`run_to_report`](Self::run_to_report) start. Default:
    /// tokio's, one a core. With 0 the lifecycle does not start.
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.worker_threads = Some(count);
        self
    }
}

impl std::fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lifecycle")
            .field("name", &self.name)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Signal {
    fn number(self) -> i32 {
        match self {
            Self::Terminate => libc::SIGTERM,
            Self::Interrupt => libc::SIGINT,
            Self::Hangup => libc::SIGHUP,
            Self::Quit => libc::SIGQUIT,
        }
    }
}

impl Taken {
    pub(super) fn new(watchdog: Watchdog) -> Self {
        Self(Some(watchdog))
    }

    pub(crate) fn watchdog(&self) -> Option<&Watchdog> {
        self.0.as_ref()
    }

    /// Keeps the signal handlers for a lifecycle that runs.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.0 {
            watchdog.disarm();
        }
    }
}
