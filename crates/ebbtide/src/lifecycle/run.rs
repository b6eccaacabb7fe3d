use std::io::Write as _;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Builder;

use super::assemble::{Assembled, RunEnvironment};
use super::builder::Taken;
use super::environment::{self, EnvironmentSettings, PlanFormat};
use super::unknown_variables::warn_of_unknown_variables;
use super::{Handle, Lifecycle};
use crate::model::{End, Exit, Plan, Report};
use crate::runtime::{
    Input, Inputs, LifecycleLedger, Manager, RunMode, START_UP, Watchdog, flush_all, log_lifecycle_error,
    report_file, start_up,
};
use crate::util::{BoxError, chain, panics};

impl Lifecycle {
    /// Runs the service on a new tokio runtime, from start-up to the exit code.
    ///
    /// `start_up` opens what the service needs and registers its components; when it returns, the service is ready.
    /// It runs on the calling thread. A shutdown during start-up drops it at its next `.await`. Registered components are closed
    /// in order; everything else is dropped.
    ///
    /// Return the code from `main`: the deadline applies until the process has exited, so that a destructor that hangs does not
    /// delay the exit.
    ///
    /// # Errors
    ///
    /// There are none to handle: they are logged (on standard error where no `tracing` subscriber is set) and end in the
    /// exit code, see [`Exit`]. An invalid budget, an empty name, a runtime that cannot start, a call within a runtime (use
    /// [`run_async`](Self::run_async) there) and an invalid environment variable are start-up failures with exit code 1.
    pub fn run<F>(self, start_up: F) -> ExitCode
    where
        F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
    {
        match self.prepared(Home::Own) {
            Ok(Ready::Run(prepared)) => ExitCode::from(prepared.run(start_up).exit_code),
            Ok(Ready::Printed) => ExitCode::SUCCESS,
            Err(()) => ExitCode::from(Exit::FAILED),
        }
    }

    /// Runs the service like [`run`](Self::run), on the tokio runtime that calls it: that of `#[tokio::main]`, of either flavor,
    /// or one that the program has built. It needs its timers and its I/O driver.
    ///
    /// Create the lifecycle before the runtime where possible: an earlier signal terminates the process. Code that blocks the
    /// threads of that runtime delays the shutdown; the deadline applies nevertheless. A runtime of one thread runs everything
    /// on that thread.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run). Outside of a runtime it is a start-up failure.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future begins the shutdown, which continues as long as the runtime exists. An unfinished start-up is dropped.
    /// When the shutdown has finished, the previous signal handling is restored.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::process::ExitCode;
    ///
    /// use ebbtide::Lifecycle;
    ///
    /// #[tokio::main]
    /// async fn main() -> ExitCode {
    ///     Lifecycle::new("orders")
    /// #       .lame_duck(ebbtide::LameDuck::NONE)
    ///         .run_async(async |app| {
    ///             app.resource("pool", (), async |()| Ok(()));
    /// #           app.stop("the example has finished");
    ///             Ok(())
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn run_async<F>(self, start_up: F) -> ExitCode
    where
        F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
    {
        match self.prepared(Home::Callers) {
            Ok(Ready::Run(prepared)) => {
                let ledger = prepared.create_ledger();
                ExitCode::from(prepared.conduct(ledger, start_up).await.exit_code)
            }
            Ok(Ready::Printed) => ExitCode::SUCCESS,
            Err(()) => ExitCode::from(Exit::FAILED),
        }
    }

    /// Runs the service like [`run_async`](Self::run_async), but does not end the process, as
    /// [`run_to_report`](Self::run_to_report) does.
    ///
    /// # Errors
    ///
    /// When the service cannot be started; the reason was logged, and the previous signal handling is restored.
    ///
    /// # Cancel safety
    ///
    /// As for [`run_async`](Self::run_async).
    pub async fn run_async_to_report<F>(self, start_up: F) -> Result<Report, NotStarted>
    where
        F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
    {
        let Ok(Ready::Run(prepared)) = self.prepared(Home::Callers) else { return Err(NotStarted) };
        let (watchdog, ledger) = (prepared.watchdog.clone(), prepared.create_ledger());
        let report = prepared.conduct(ledger, start_up).await;
        watchdog.disarm();
        Ok(report)
    }

    /// Runs the service like [`run`](Self::run), but does not end the process: the deadline applies until this returns.
    ///
    /// A later signal has the effect that it has without a lifecycle: it runs the handlers of the program, or terminates the
    /// process. No thread and no descriptor is left behind.
    ///
    /// # Errors
    ///
    /// When the service cannot be started; the reason was logged, and the previous signal handling is restored.
    pub fn run_to_report<F>(self, start_up: F) -> Result<Report, NotStarted>
    where
        F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
    {
        let Ok(Ready::Run(prepared)) = self.prepared(Home::Own) else { return Err(NotStarted) };
        let watchdog = prepared.watchdog.clone();
        let report = prepared.run(start_up);
        watchdog.disarm();
        Ok(report)
    }

    /// Prepares the run. If that fails, flushes, so that the log of the failure is written. If nothing is run, the previous signal
    /// handling is restored.
    fn prepared(mut self, home: Home) -> Result<Ready, ()> {
        let (name, flushers, taken) = (self.name.clone(), self.flushers.clone(), self.taken.take());
        let watchdog = taken.as_ref().and_then(Taken::watchdog).cloned();
        let ready = home.check(&name).and_then(|()| self.prepare(watchdog)).inspect_err(|()| {
            if let Some(path) = environment::report_path(|name| std::env::var(name).ok()) {
                report_file::remove_earlier_report(&path);
            }
            flush_all(&flushers, &name, PATIENCE);
        });
        if let (Ok(Ready::Run(_)), Some(taken)) = (&ready, taken) {
            taken.keep();
        }
        ready
    }

    /// Computes the plan from the platform, the code and the environment.
    fn prepare(mut self, watchdog: Option<Watchdog>) -> Result<Ready, ()> {
        let (plan, wishes) = self.plan().map_err(|error| log_lifecycle_error(&self.name, &chain(&*error)))?;
        if let Some(form) = wishes.plan {
            return print(&plan, form).map_or_else(
                |error| {
                    log_lifecycle_error(&self.name, &format!("cannot print the shutdown plan: {error}"));
                    Err(())
                },
                |()| Ok(Ready::Printed),
            );
        }
        let watchdog = match watchdog {
            Some(watchdog) => Ok(watchdog),
            None => Watchdog::start(plan.clone(), self.inputs.0.clone(), &[]),
        };
        let more = |watchdog: Watchdog| match watchdog.also_on(&self.signals) {
            Ok(()) => Ok(watchdog),
            Err(error) => {
                watchdog.disarm();
                Err(error)
            }
        };
        let watchdog = watchdog.and_then(more).map_err(|error| {
            log_lifecycle_error(&self.name, &format!("cannot install signal handlers: {error}"))
        })?;
        Ok(Ready::Run(Box::new(Prepared { plan, wishes, watchdog, lifecycle: self })))
    }

    fn plan(&mut self) -> Result<(Plan, EnvironmentSettings), BoxError> {
        self.check_settings()?;
        warn_of_unknown_variables(&self.name);
        let wishes = environment::apply(&mut self.budget, |name| std::env::var(name).ok())?;
        Ok((self.budget.plan()?, wishes))
    }
}

/// The service could not be started; the reason was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lifecycle did not start")]
pub struct NotStarted;

/// The owner of the runtime of a lifecycle.
#[derive(Clone, Copy)]
enum Home {
    Own,
    Callers,
}

impl Home {
    fn check(self, name: &str) -> Result<(), ()> {
        let trouble = match (self, tokio::runtime::Handle::try_current().is_ok()) {
            (Self::Own, true) if may_block() => return Ok(()),
            (Self::Own, true) => "`run` called within a tokio runtime, where only `run_async` can run",
            (Self::Callers, false) => "`run_async` called outside a tokio runtime",
            (Self::Own, false) | (Self::Callers, true) => return Ok(()),
        };
        log_lifecycle_error(name, trouble);
        Err(())
    }
}

/// Returns whether this thread may start a runtime. The threads of `spawn_blocking` belong to a runtime and may. tokio reports
/// that only by a panic.
fn may_block() -> bool {
    let probe = || Builder::new_current_thread().build().map(|runtime| runtime.block_on(async {}));
    catch_unwind(probe).is_ok()
}

enum Ready {
    Run(Box<Prepared>),
    Printed,
}

struct Prepared {
    plan: Plan,
    wishes: EnvironmentSettings,
    watchdog: Watchdog,
    lifecycle: Lifecycle,
}

impl Prepared {
    fn run<F>(self, begin: F) -> Report
    where
        F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
    {
        let ledger = self.create_ledger();
        let mut builder = Builder::new_multi_thread();
        builder.enable_all();
        if let Some(count) = self.lifecycle.worker_threads {
            builder.worker_threads(count);
        }
        let runtime = match builder.build() {
            Ok(runtime) => runtime,
            Err(error) => {
                log_lifecycle_error(
                    &self.lifecycle.name,
                    &format!("cannot start the tokio runtime: {error}"),
                );
                flush_all(&self.lifecycle.flushers, &self.lifecycle.name, PATIENCE);
                return ledger.report(Some(Exit::Failed));
            }
        };
        let report = runtime.block_on(self.conduct(ledger, begin));
        // Tasks that do not end were reported; the process does not wait for their threads.
        runtime.shutdown_background();
        report
    }

    /// Creates the ledger and passes it to the watchdog.
    fn create_ledger(&self) -> Arc<LifecycleLedger> {
        let Self { plan, wishes, watchdog, lifecycle } = self;
        let ledger = Arc::new(LifecycleLedger::new(lifecycle.name.clone(), plan.clone()));
        watchdog.configure(plan.clone(), Arc::clone(&ledger), wishes.report_path.clone());
        if let Some(path) = &wishes.report_path {
            report_file::probe_report_path(&lifecycle.name, path);
        }
        ledger
    }

    /// Runs the lifecycle to its end on the runtime that polls this.
    async fn conduct<F>(self, ledger: Arc<LifecycleLedger>, begin: F) -> Report
    where
        F: AsyncFnOnce(Handle) -> Result<(), BoxError>,
    {
        let Self { plan, wishes, watchdog, lifecycle } = self;
        tracing::info!(lifecycle = lifecycle.name, %plan, "shutdown plan");
        let surroundings = RunEnvironment {
            ledger: Arc::clone(&ledger),
            watchdog: Some(watchdog.clone()),
            mode: RunMode::Process,
            report_path: wishes.report_path,
            manager: Manager::of(|name| std::env::var_os(name), std::process::id()),
        };
        let Assembled { app, dispatcher, inputs, abandon } = lifecycle.assemble(surroundings);
        let mut awaited =
            Awaited { app: app.clone(), inputs, starts: true, over: false, left: Arc::default() };
        let (left, disarming) = (Arc::clone(&awaited.left), watchdog.clone());
        // The only task that belongs to no component: the dispatcher itself.
        #[expect(
            clippy::disallowed_methods,
            reason = "the task that owns all others has no owner but this function"
        )]
        let mut dispatcher = tokio::spawn(async move {
            let report = dispatcher.run().await;
            if left.load(Ordering::SeqCst) {
                disarming.disarm();
            }
            report
        });
        let early = tokio::select! {
            biased;
            end = start_up(begin(app), &abandon) => {
                awaited.started(end);
                None
            }
            // Only by a panic: the lifecycle waits for an unfinished start-up.
            report = &mut dispatcher => Some(report),
        };
        let report = match early {
            Some(report) => report,
            None => dispatcher.await,
        };
        awaited.finish();
        report.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => watchdog.dispatcher_has_exited(&ledger, panics::message(&*panic)),
            // The runtime was shut down during the lifecycle, with all its tasks.
            Err(error) => watchdog.dispatcher_has_exited(&ledger, error.to_string()),
        })
    }
}

/// Represents the caller that waits for the end. Dropping it earlier begins the shutdown.
struct Awaited {
    app: Handle,
    inputs: Inputs,
    /// The start-up has not finished.
    starts: bool,
    over: bool,
    /// Set when no caller waits any more, and the lifecycle has not exited.
    left: Arc<AtomicBool>,
}

impl Awaited {
    fn started(&mut self, end: End) {
        self.starts = false;
        self.inputs.send(Input::Ended(START_UP, end));
    }

    fn finish(mut self) {
        self.over = true;
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        self.left.store(true, Ordering::SeqCst);
        self.app.stop("lifecycle future dropped");
        if self.starts {
            self.started(End::Aborted);
        }
    }
}

/// How long a lifecycle that could not be started waits for its flushers.
const PATIENCE: Duration = Duration::from_secs(5);

fn print(plan: &Plan, form: PlanFormat) -> std::io::Result<()> {
    let mut text = match form {
        PlanFormat::Json => report_file::json(plan)?,
        PlanFormat::Text => plan.to_string().into_bytes(),
    };
    text.push(b'\n');
    std::io::stdout().write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            NotStarted => NotStarted;
        }
    }
}
