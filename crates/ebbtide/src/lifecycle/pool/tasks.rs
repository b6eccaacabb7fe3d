use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use tokio::sync::Semaphore;

use super::{Pool, PoolOptions, Rejected};
use crate::drain::Stop;
use crate::lifecycle::{Handle, boxed};
use crate::util::{BoxError, BoxFuture};

/// Spawns background tasks that a shutdown waits for. Cheap to clone. Created by [`Handle::tasks`].
pub struct Tasks<E = BoxError> {
    pool: Pool<BoxFuture<Result<(), BoxError>>>,
    stop: Stop,
    error: PhantomData<fn() -> E>,
}

impl Handle {
    /// Registers a group of background tasks, and returns a handle that spawns them. For work that outlives the request it
    /// comes from, such as an audit record or a thumbnail. The tasks are one component, however many there are. A task that has
    /// finished leaves nothing behind.
    ///
    /// Register it before the server whose handlers use it. At a shutdown it accepts tasks until every component that was
    /// registered after it (servers, consumers, pools, tasks) has ended, and then waits for the tasks. Those that have not
    /// finished at the deadline of the stage are dropped, counted as cancelled and reported with the line of code that spawned them.
    ///
    /// An error or panic of a task is logged and counted as failed; the lifecycle continues.
    ///
    /// The number of concurrent tasks has no limit. Use [`workers`](Self::workers) for a limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide::BoxError;
    /// use ebbtide::lifecycle::Tasks;
    ///
    /// # async fn write_audit(_order: u64) -> Result<(), BoxError> { Ok(()) }
    /// # fn register(app: &ebbtide::Handle) {
    /// let audit = app.tasks("audit");
    /// # handle(&audit, 1);
    /// # }
    /// fn handle(audit: &Tasks, order: u64) -> u16 {
    ///     match audit.spawn(async move { write_audit(order).await }) {
    ///         Ok(()) => 202,
    ///         // Only after the servers have ended.
    ///         Err(_) => 503,
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn tasks(&self, name: impl Into<String>) -> Tasks {
        let unlimited = PoolOptions::new(Semaphore::MAX_PERMITS).capacity(Semaphore::MAX_PERMITS);
        let (pool, stop) = self.pool(name.into(), unlimited, |task: BoxFuture<_>, _| task);
        Tasks { pool, stop, error: PhantomData }
    }
}

impl<E: Into<BoxError> + 'static> Tasks<E> {
    /// Spawns a task on the lifecycle's runtime. Returns immediately; may be called from any thread.
    ///
    /// # Errors
    ///
    /// [`Rejected::Stopped`] with the task, once the group accepts no more tasks during a shutdown.
    #[track_caller]
    pub fn spawn<F>(&self, task: F) -> Result<(), Rejected<F>>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        match self.pool.try_reserve_from(Location::caller()) {
            Ok(place) => {
                place.send(Box::pin(boxed(task)));
                Ok(())
            }
            Err(Rejected::Full(())) => Err(Rejected::Full(task)),
            Err(Rejected::Stopped(())) => Err(Rejected::Stopped(task)),
        }
    }
}

impl<E> Tasks<E> {
    /// Returns the token of the group: *stopping* when servers and intake have stopped, *cancelled* when the tasks are about to
    /// be dropped. A task that can end early waits for this token.
    pub fn stop_token(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns the number of tasks that were spawned and have not ended.
    pub fn in_flight(&self) -> u64 {
        self.pool.queued().saturating_add(self.pool.running())
    }

    /// Returns whether the group accepts no more tasks.
    pub fn is_stopped(&self) -> bool {
        self.pool.is_stopped()
    }

    pub(in crate::lifecycle) fn with_errors<F>(self) -> Tasks<F> {
        Tasks { pool: self.pool, stop: self.stop, error: PhantomData }
    }
}

impl<E> Clone for Tasks<E> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), stop: self.stop.clone(), error: PhantomData }
    }
}

impl<E> fmt::Debug for Tasks<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}
