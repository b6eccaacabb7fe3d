use super::run::Runner;
use crate::lifecycle::Handle;
use crate::model::{Check, CheckStatus, Kind, Phase, Stage};
use crate::runtime::BoxError;

impl Handle {
    /// Registers a readiness check: the service is ready while no check is red.
    ///
    /// It is run from now on, and is red until it has passed. A run fails when it returns an error or takes longer than the
    /// check's timeout, which drops it; a panic stops the whole lifecycle. `docs/spec.md` has the rules, and [`Check`] what can
    /// be set; a plain `Duration` is the interval. A check that is [critical](Check::critical) and stays red begins the stop, and
    /// the cause names it.
    ///
    /// `/readyz?verbose` and [`checks`](Self::checks) tell how each stands. From the stop on none is run: the service is not ready
    /// anyway.
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
        let runner = Runner::new(self.clone(), spec.name.clone(), number, check);
        self.spawn(spec, None, move |context| runner.run(run, context.stop));
    }

    /// Tells whether the service is ready: start-up is over, no check that is required is red, and no stop has begun.
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Ready && self.board().is_green() && !self.stop_token().is_stopping()
    }

    /// Returns how each readiness check stands, in the order of registration.
    pub fn checks(&self) -> Vec<CheckStatus> {
        self.board().statuses()
    }
}
