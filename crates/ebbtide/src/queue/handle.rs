use super::{ConsumeOptions, Consumer, Job, Queue};
use crate::drain::Stop;
use crate::lifecycle::{Handle, HandleOf, boxed};
use crate::model::{Kind, Stage};
use crate::util::BoxError;

impl Handle {
    /// Registers a consumer: a loop that fetches jobs from a queue and runs a limited number of them concurrently.
    ///
    /// A job whose handler returns `Ok` is acknowledged. After an error or a panic the job is retried with backoff until its
    /// attempts are used up, and is then dead-lettered. A [`Permanent`](super::Permanent) error dead-letters it immediately.
    ///
    /// When the shutdown begins, the consumer takes nothing new and immediately requeues the jobs that it has not started.
    /// Running jobs continue and their leases are extended; the deadline of their stop token is the time that they have. A job
    /// that still runs shortly before the deadline is requeued, then its token is cancelled and its future is dropped. Another
    /// consumer runs it again, and the report names it. No job is lost, but a job may run twice: make its effects idempotent,
    /// keyed by its [id](Job::id).
    ///
    /// An unreachable broker is logged once, retried with backoff, and does not delay the shutdown.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide::queue::{Job, Queue};
    /// use ebbtide::{BoxError, Handle, Stop};
    ///
    /// async fn send_email(job: Job, _stop: Stop) -> Result<(), BoxError> {
    ///     let address: String = job.json()?;
    ///     println!("{} goes to {address}", job.id());
    ///     Ok(())
    /// }
    ///
    /// fn register(app: &Handle, queue: impl Queue) {
    ///     app.consume("emails", queue, 8, send_email);
    /// }
    /// ```
    pub fn consume<Q, F, Fut>(
        &self,
        name: impl Into<String>,
        queue: Q,
        options: impl Into<ConsumeOptions>,
        handler: F,
    ) where
        Q: Queue,
        F: Fn(Job, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let spec = self.spec(name, Stage::Intake, Kind::Service);
        let consumer = Consumer::new(spec.name.clone(), queue, options, handler);
        let work = consumer.work();
        self.spawn(spec, Some(work), |context| async move {
            consumer.run(context.stop).await;
            Ok(())
        });
    }
}

impl<E: Into<BoxError> + 'static> HandleOf<E> {
    /// Registers a consumer; see [`Handle::consume`].
    pub fn consume<Q, F, Fut>(
        &self,
        name: impl Into<String>,
        queue: Q,
        options: impl Into<ConsumeOptions>,
        handler: F,
    ) where
        Q: Queue,
        F: Fn(Job, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        Handle::consume(self, name, queue, options, move |job, stop| boxed(handler(job, stop)));
    }
}
