use super::{ConsumeOptions, Consumer, Job, Queue};
use crate::drain::Stop;
use crate::lifecycle::{Handle, HandleOf, boxed};
use crate::model::{Kind, Stage};
use crate::util::BoxError;

impl Handle {
    /// Registers a consumer: a loop that fetches jobs from a queue and runs up to so many of them side by side.
    ///
    /// A job whose handler returns `Ok` is acknowledged. An error or a panic is an attempt that failed: the job comes again after
    /// a backoff, until its attempts are spent, and is then buried; [`Permanent`](super::Permanent) is buried at once.
    ///
    /// At the signal it takes nothing new, and hands back at once what it holds and has not begun. Jobs under way go on, their
    /// leases kept; their tokens say when their time is up. What still runs shortly before is handed back at the broker,
    /// and then its token is cut and it is dropped: it is run again, by somebody else, and the report names it. Nothing
    /// is lost, but a job may run twice: make its effects idempotent, by its [id](Job::id).
    ///
    /// A broker that is away is logged once, asked again with backoff, and doesn't hold the stop.
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
