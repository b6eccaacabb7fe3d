use std::sync::Arc;

use super::{Context, Handle};
use crate::drain::{Stop, Work};
use crate::model::{Kind, Stage};
use crate::util::BoxError;

impl Handle {
    /// Registers a task that runs until it is asked to stop. It is asked when servers and intake have stopped.
    ///
    /// Its end before that, an error and a panic stop the whole lifecycle.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn register(app: &ebbtide::Handle) {
    /// app.task("refresh", |stop| async move {
    ///     stop.stopping().await;
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn task<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Workers, Kind::Service), None, |context| run(context.stop));
    }

    /// Registers a task that takes in work from outside, such as a subscription. It is asked at the signal, with the consumers,
    /// and may finish what it holds while servers and workers go on.
    ///
    /// Wait for what comes with [`unless_stopping`](Stop::unless_stopping), and it is woken by the stop. It is cut when the
    /// servers' time is up. Its end before the stop, an error and a panic stop the whole lifecycle.
    ///
    /// What it hands to a pool of workers is worked off: they are asked when the intake has stopped. Reserve the place before you
    /// take a message, and none is taken that nobody runs. Wait for the place in the same way: a full pool would hold it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide::BoxError;
    /// # use ebbtide::lifecycle::Pool;
    /// # fn register(app: &ebbtide::Handle, mut messages: tokio::sync::mpsc::Receiver<String>, pool: Pool<String>) {
    /// app.subscriber("messages", |stop| async move {
    ///     while let Some(place) = stop.unless_stopping(pool.reserve()).await.transpose()? {
    ///         match stop.unless_stopping(messages.recv()).await {
    ///             Some(Some(message)) => place.send(message),
    ///             Some(None) => return Err("the publisher is gone".into()),
    ///             None => break,
    ///         }
    ///     }
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn subscriber<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Intake, Kind::Service), None, |context| run(context.stop));
    }

    /// Registers a task that may end by itself. A stop waits for it like for any other; its error and its panic stop the
    /// whole lifecycle.
    pub fn once<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Workers, Kind::Finite), None, |context| run(context.stop));
    }

    /// Registers a component that serves from now on and is told of a stop in two steps; for servers.
    ///
    /// `run` gets what it needs to announce the stop and to end. An error that it returns, its panic, and its end before
    /// it is asked stop the whole lifecycle.
    pub fn serve<F, Fut>(&self, name: impl Into<String>, work: Arc<dyn Work>, run: F)
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Servers, Kind::Service), Some(work), run);
    }

    /// Registers a component that answers health probes until the very end.
    pub fn probe<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Telemetry, Kind::Probe), None, run);
    }
}
