use std::time::Instant;

use tokio::time::{sleep_until, timeout};

use crate::drain::Stop;
use crate::lifecycle::Handle;
use crate::model::{Cause, Check, Phase, Standing, Verdict, show_duration};
use crate::runtime::{BoxError, chain, clock};

/// Runs one check until the stop.
pub(super) struct Runner {
    app: Handle,
    name: String,
    number: usize,
    check: Check,
    standing: Standing,
    begun: Instant,
}

impl Runner {
    pub(super) fn new(app: Handle, name: String, number: usize, check: Check) -> Self {
        Self { app, name, number, standing: Standing::new(check.clone()), check, begun: clock::now() }
    }

    pub(super) async fn run<F, Fut, E>(mut self, mut run: F, stop: Stop) -> Result<(), BoxError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        // A check answers for nothing that anybody waits for: at the stop a run is dropped where it stands.
        let rounds = async {
            loop {
                let begun = clock::now();
                let result = match timeout(self.check.run_limit(), run()).await {
                    Ok(result) => result.map_err(|error| chain(&*error.into())),
                    Err(_) => Err(format!("no answer within {}", show_duration(self.check.run_limit()))),
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
            Verdict::AsBefore if error.is_empty() => {}
            Verdict::AsBefore => tracing::debug!(check, error, "a run of the readiness check failed"),
            Verdict::TurnedGreen => tracing::info!(check, "readiness check: green"),
            Verdict::TurnedRed => crate::runtime::log_warn!(check, error, "readiness check: red"),
            Verdict::Hopeless { red_for } => {
                self.app.begin_stop(Cause::Unhealthy { check: check.clone(), error, red_for });
            }
        }
    }
}
