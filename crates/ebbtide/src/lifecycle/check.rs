//! Named readiness checks.

use std::time::Instant;

use tokio::time::{sleep_until, timeout};

use super::Handle;
use crate::drain::Stop;
use crate::model::{Cause, Check, CheckState, CheckStatus, Kind, Phase, Stage, Verdict, show_duration};
use crate::util::{BoxError, chain, clock};

impl Handle {
    /// Registers a readiness check: the service is ready while every required check passes.
    ///
    /// The check runs from now on, and counts as failing until it has passed. A run fails when it returns an error or exceeds the
    /// timeout of the check, which drops the run; a panic begins the shutdown. [`Check`] has the settings; a plain `Duration` is
    /// the interval. A [critical](Check::critical) check that keeps failing begins the shutdown, and the cause names it.
    ///
    /// `/readyz?verbose` and [`checks`](Self::checks) show the state of each check. Checks do not run during the shutdown: the
    /// service is not ready then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::model::Check;
    ///
    /// # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
    /// # fn register(app: &ebbtide::Handle) {
    /// app.check("payments", Check::every(Duration::from_secs(5)).failures(2), || async { ping().await });
    /// # }
    /// ```
    pub fn check<F, Fut, E>(&self, name: impl Into<String>, check: impl Into<Check>, run: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let check = check.into();
        let spec = self.spec(name, Stage::Intake, Kind::Service);
        let number = self.board().add(CheckStatus::new(spec.name.clone(), &check));
        let runner = CheckRunner::new(self.clone(), spec.name.clone(), number, check);
        self.spawn(spec, None, move |context| runner.run(run, context.stop));
    }

    /// Returns whether the service is ready: start-up has finished, every required check passes, and no shutdown has begun.
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Ready && self.board().is_green() && !self.stop_token().is_stopping()
    }

    /// Returns the state of each readiness check, in the order of registration.
    pub fn checks(&self) -> Vec<CheckStatus> {
        self.board().statuses()
    }
}

/// Runs one check until the shutdown begins.
struct CheckRunner {
    app: Handle,
    name: String,
    number: usize,
    check: Check,
    standing: CheckState,
    begun: Instant,
}

impl CheckRunner {
    fn new(app: Handle, name: String, number: usize, check: Check) -> Self {
        Self { app, name, number, standing: CheckState::new(check.clone()), check, begun: clock::now() }
    }

    async fn run<F, Fut, E>(mut self, mut run: F, stop: Stop) -> Result<(), BoxError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        // No component waits for the result of a check, so that a shutdown drops a run in progress.
        let rounds = async {
            loop {
                let begun = clock::now();
                let result = match timeout(self.check.run_limit(), run()).await {
                    Ok(result) => result.map_err(|error| chain(&*error.into())),
                    Err(_) => Err(format!("no response within {}", show_duration(self.check.run_limit()))),
                };
                self.take(result);
                sleep_until(clock::after(begun, self.check.interval()).into()).await;
            }
        };
        match stop.unless_stopping(rounds).await {
            None => Ok(()),
            Some(never) => never,
        }
    }

    fn take(&mut self, result: Result<(), String>) {
        let ready = self.app.phase() == Phase::Ready;
        let now = clock::now().saturating_duration_since(self.begun);
        let verdict = self.standing.judge(result.is_ok(), ready, now);
        let error = result.err();
        self.app.board().note(self.number, self.standing.is_green(), error.clone());
        let (check, error) = (&self.name, error.unwrap_or_default());
        match verdict {
            Verdict::StateUnchanged if error.is_empty() => {}
            Verdict::StateUnchanged => tracing::debug!(check, error, "readiness check attempt failed"),
            Verdict::TurnedGreen => tracing::info!(check, "readiness check passes"),
            Verdict::TurnedRed => crate::runtime::log_warn!(check, error, "readiness check fails"),
            Verdict::CriticalTimeExceeded { red_for } => {
                self.app.begin_stop(Cause::Unhealthy { check: check.clone(), error, red_for });
            }
        }
    }
}
