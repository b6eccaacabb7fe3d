use std::sync::Arc;

use super::{Context, Handle};
use crate::drain::{Stop, Work};
use crate::model::{Kind, Stage};
use crate::util::BoxError;

impl Handle {
    /// Registers a task that runs until it is asked to stop. It is asked when servers and intake have stopped.
    ///
    /// If it ends earlier, returns an error or panics, the shutdown begins.
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

    /// Registers a task that takes in work from outside, such as a subscription. It is asked to stop when the shutdown begins,
    /// like the consumers, and may finish its work while servers and workers continue.
    ///
    /// Wait for messages with [`unless_stopping`](Stop::unless_stopping): the shutdown then wakes the task. It is cancelled at the
    /// deadline of the servers. If it ends before the shutdown, returns an error or panics, the shutdown begins.
    ///
    /// Jobs that it sends to a worker pool are finished: pools are asked to stop after the intake. Reserve a place in the pool
    /// before taking a message, so that no message is taken that cannot run. Wait for the place with `unless_stopping` as well:
    /// otherwise a full pool delays the task's stop.
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

    /// Registers a task that may end by itself. A shutdown waits for it like for any other task. If it returns an error or panics,
    /// the shutdown begins.
    pub fn once<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Workers, Kind::Finite), None, |context| run(context.stop));
    }

    /// Registers a server: a component that serves from now on and is notified of a shutdown in two steps.
    ///
    /// `run` receives the tokens of both steps. If it returns an error, panics, or ends before it is asked to stop, the shutdown
    /// begins.
    pub fn serve<F, Fut>(&self, name: impl Into<String>, work: Arc<dyn Work>, run: F)
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Servers, Kind::Service), Some(work), run);
    }

    /// Registers a component that answers health probes until the process exits.
    pub fn probe<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.spawn(self.spec(name, Stage::Telemetry, Kind::Probe), None, run);
    }
}
