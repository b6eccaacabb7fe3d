use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Context, Every, Handle, Held, Lifecycle, NotStarted, Pool, PoolOptions, Retry, RetryError, Tasks,
};
use crate::drain::{Stop, Work};
use crate::model::{Check, Report};
use crate::util::BoxError;

/// A [`Handle`] whose closures return errors of the type `E`, such as `anyhow::Error`. Created by [`Handle::with_errors`].
///
/// It registers what [`Handle`] registers, and dereferences to one for everything else. There is one type for all closures rather
/// than any type for each, so that the compiler infers the type of `Ok(())` and of `?` in a closure.
///
/// # Examples
///
/// ```
/// # use std::fmt;
/// # #[derive(Debug)] struct Error;
/// # impl fmt::Display for Error { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { f.write_str("no") } }
/// # impl std::error::Error for Error {}
/// # type Result<T> = std::result::Result<T, Error>;
/// use ebbtide::{Handle, Stop};
///
/// // With anyhow: `anyhow::Result<()>`, and `anyhow::Error` below.
/// async fn send_email(to: String, _stop: Stop) -> Result<()> {
///     let _ = to;
///     Ok(())
/// }
///
/// fn register(app: &Handle) {
///     let app = app.with_errors::<Error>();
///     app.workers("emails", 8, send_email);
///     app.task("refresh", async |stop| {
///         stop.stopping().await;
///         Ok(())
///     });
/// }
/// ```
#[must_use = "a handle registers nothing by itself"]
pub struct HandleOf<E> {
    app: Handle,
    error: PhantomData<fn() -> E>,
}

/// A [`Lifecycle`] whose start-up returns errors of the type `E`, such as `anyhow::Error`. Created by [`Lifecycle::with_errors`].
#[must_use = "a lifecycle captures signals but does nothing else until it is run"]
pub struct LifecycleOf<E> {
    lifecycle: Lifecycle,
    error: PhantomData<fn() -> E>,
}

/// The return value of a close or a hook: nothing, or a `Result` with the error type of its handle.
///
/// Sealed: implemented for `()` and `Result<(), E>`. A closure that ends in `Ok(())` needs no type for its error.
pub trait IntoResult<E>: sealed::Sealed {
    /// Returns the result; nothing is success.
    ///
    /// # Errors
    ///
    /// The error of the `Result`.
    fn into_result(self) -> Result<(), E>;
}

impl<E> IntoResult<E> for () {
    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

impl<E> IntoResult<E> for Result<(), E> {
    fn into_result(self) -> Self {
        self
    }
}

impl Handle {
    /// Returns a handle whose closures return errors of the type `E` rather than [`BoxError`], such as `anyhow::Error`.
    ///
    /// For a single function `?` does the same: `app.task("refresh", async |stop| Ok(refresh(stop).await?))`.
    pub fn with_errors<E: Into<BoxError> + 'static>(&self) -> HandleOf<E> {
        HandleOf { app: self.clone(), error: PhantomData }
    }
}

impl Lifecycle {
    /// Sets the type of the errors that the start-up and the closures of its handle return, such as `anyhow::Error`. Default:
    /// [`BoxError`], which `?` makes of any error.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # type Error = std::io::Error;
    /// # type Result<T> = std::io::Result<T>;
    /// use ebbtide::lifecycle::HandleOf;
    ///
    /// // With anyhow: `HandleOf<anyhow::Error>` and `anyhow::Result<()>`.
    /// async fn start(app: HandleOf<Error>) -> Result<()> {
    ///     app.once("greeting", async |_stop| Ok(()));
    ///     Ok(())
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     ebbtide::Lifecycle::new("orders").with_errors().run(start)
    /// }
    /// ```
    pub fn with_errors<E: Into<BoxError> + 'static>(self) -> LifecycleOf<E> {
        LifecycleOf { lifecycle: self, error: PhantomData }
    }
}

impl<E: Into<BoxError> + 'static> LifecycleOf<E> {
    /// Runs the service like [`Lifecycle::run`].
    pub fn run<F>(self, start_up: F) -> ExitCode
    where
        F: AsyncFnOnce(HandleOf<E>) -> Result<(), E>,
    {
        self.lifecycle.run(async |app| boxed(start_up(app.with_errors())).await)
    }

    /// Runs the service like [`Lifecycle::run_to_report`].
    ///
    /// # Errors
    ///
    /// As [`Lifecycle::run_to_report`].
    pub fn run_to_report<F>(self, start_up: F) -> Result<Report, NotStarted>
    where
        F: AsyncFnOnce(HandleOf<E>) -> Result<(), E>,
    {
        self.lifecycle.run_to_report(async |app| boxed(start_up(app.with_errors())).await)
    }

    /// Runs the service on the calling runtime, like [`Lifecycle::run_async`].
    ///
    /// # Cancel safety
    ///
    /// As [`Lifecycle::run_async`].
    pub async fn run_async<F>(self, start_up: F) -> ExitCode
    where
        F: AsyncFnOnce(HandleOf<E>) -> Result<(), E>,
    {
        self.lifecycle.run_async(async |app| boxed(start_up(app.with_errors())).await).await
    }

    /// Runs the service like [`Lifecycle::run_async_to_report`].
    ///
    /// # Errors
    ///
    /// As [`Lifecycle::run_async_to_report`].
    ///
    /// # Cancel safety
    ///
    /// As [`Lifecycle::run_async`].
    pub async fn run_async_to_report<F>(self, start_up: F) -> Result<Report, NotStarted>
    where
        F: AsyncFnOnce(HandleOf<E>) -> Result<(), E>,
    {
        self.lifecycle.run_async_to_report(async |app| boxed(start_up(app.with_errors())).await).await
    }
}

impl<E: Into<BoxError> + 'static> HandleOf<E> {
    /// Registers a task; see [`Handle::task`].
    pub fn task<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.task(name, |stop| boxed(run(stop)));
    }

    /// Registers a task that takes in work from outside; see [`Handle::subscriber`].
    pub fn subscriber<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.subscriber(name, |stop| boxed(run(stop)));
    }

    /// Registers a task that may end by itself; see [`Handle::once`].
    pub fn once<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Stop) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.once(name, |stop| boxed(run(stop)));
    }

    /// Registers a server; see [`Handle::serve`].
    pub fn serve<F, Fut>(&self, name: impl Into<String>, work: Arc<dyn Work>, run: F)
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.serve(name, work, |context| boxed(run(context)));
    }

    /// Registers a component that answers health probes until the exit; see [`Handle::probe`].
    pub fn probe<F, Fut>(&self, name: impl Into<String>, run: F)
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.probe(name, |context| boxed(run(context)));
    }

    /// Registers a ticker; see [`Handle::every`].
    #[track_caller]
    pub fn every<F, Fut>(&self, name: impl Into<String>, every: impl Into<Every>, mut run: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.every(name, every, move || boxed(run()));
    }

    /// Registers a readiness check; see [`Handle::check`].
    pub fn check<F, Fut>(&self, name: impl Into<String>, check: impl Into<Check>, run: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.check(name, check, run);
    }

    /// Registers a pool of workers; see [`Handle::workers`].
    #[track_caller]
    pub fn workers<T, F, Fut>(
        &self,
        name: impl Into<String>,
        options: impl Into<PoolOptions>,
        run: F,
    ) -> Pool<T>
    where
        T: Send + 'static,
        F: Fn(T, Stop) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.app.workers(name, options, move |job, stop| boxed(run(job, stop)))
    }

    /// Registers a group of background tasks; see [`Handle::tasks`].
    #[track_caller]
    pub fn tasks(&self, name: impl Into<String>) -> Tasks<E> {
        self.app.tasks(name).with_errors()
    }

    /// Registers a hook that runs when the shutdown begins; see [`Handle::on_stop`].
    pub fn on_stop<F, Fut>(&self, name: impl Into<String>, hook: F)
    where
        F: FnOnce(Stop) -> Fut + Send + 'static,
        Fut: Future<Output: IntoResult<E>> + Send + 'static,
    {
        // The closure is called in the task, as with `Handle`.
        self.app.on_stop(name, |stop| async move { ended(hook(stop)).await });
    }

    /// Registers an exit hook; see [`Handle::at_exit`].
    pub fn at_exit(
        &self,
        name: impl Into<String>,
        run: impl FnOnce(Duration) -> Result<(), E> + Send + 'static,
    ) {
        self.app.at_exit(name, |left| run(left).map_err(Into::into));
    }

    /// Registers a flusher that may fail; see [`Handle::try_on_flush`].
    pub fn try_on_flush(
        &self,
        name: impl Into<String>,
        flush: impl FnOnce(Duration) -> Result<(), E> + Send + 'static,
    ) {
        self.app.try_on_flush(name, |left| flush(left).map_err(Into::into));
    }

    /// Registers a resource; see [`Handle::resource`].
    pub fn resource<T, F, Fut>(&self, name: impl Into<String>, value: T, close: F) -> T
    where
        T: Clone + Send + 'static,
        F: FnOnce(T) -> Fut + Send + 'static,
        Fut: Future<Output: IntoResult<E>> + Send + 'static,
    {
        self.app.resource(name, value, |value| ended(close(value)))
    }

    /// Registers a resource that can report what delays its close; see [`Handle::resource_holding`].
    pub fn resource_holding<T, H, F, Fut>(&self, name: impl Into<String>, value: T, held: H, close: F) -> T
    where
        T: Clone + Send + Sync + 'static,
        H: Fn(&T) -> Held + Send + Sync + 'static,
        F: FnOnce(T) -> Fut + Send + 'static,
        Fut: Future<Output: IntoResult<E>> + Send + 'static,
    {
        self.app.resource_holding(name, value, held, |value| ended(close(value)))
    }

    /// Retries an operation until it succeeds; see [`Handle::retry`].
    ///
    /// # Errors
    ///
    /// As [`Handle::retry`].
    pub async fn retry<T, F>(
        &self,
        name: impl Into<String>,
        retry: impl Into<Retry>,
        attempt: F,
    ) -> Result<T, RetryError>
    where
        F: AsyncFnMut() -> Result<T, E>,
    {
        self.app.retry(name, retry, attempt).await
    }

    /// Returns a handle whose components have a separate deadline; see [`Handle::within`].
    pub fn within(&self, limit: Duration) -> Self {
        self.app.within(limit).with_errors()
    }
}

impl<E> Deref for HandleOf<E> {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.app
    }
}

impl<E> Clone for HandleOf<E> {
    fn clone(&self) -> Self {
        Self { app: self.app.clone(), error: PhantomData }
    }
}

impl<E> fmt::Debug for HandleOf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.app.fmt(f)
    }
}

impl<E> fmt::Debug for LifecycleOf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lifecycle.fmt(f)
    }
}

/// Converts the error of a future to a [`BoxError`].
pub(crate) async fn boxed<E: Into<BoxError>>(
    run: impl Future<Output = Result<(), E>>,
) -> Result<(), BoxError> {
    run.await.map_err(Into::into)
}

/// Boxes the error of a close or a hook.
pub(super) async fn ended<E: Into<BoxError>>(
    future: impl Future<Output: IntoResult<E>>,
) -> Result<(), BoxError> {
    future.await.into_result().map_err(Into::into)
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}
