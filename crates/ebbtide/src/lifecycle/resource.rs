use super::assemble::flusher;
use super::handle_of::ended;
use super::{Handle, IntoResult};
use crate::model::{Kind, Stage};
use crate::runtime::{BoxError, FlushSlot};
use std::sync::Arc;
use std::time::Duration;

impl Handle {
    /// Registers something that is closed when everything that uses it has stopped, and returns it.
    ///
    /// Resources are closed one at a time, in the reverse of the order in which they were registered, each with a
    /// deadline: a close that hangs is reported by name and doesn't take the others' time.
    ///
    /// `close` runs as a task and returns nothing or a `Result`; its panic and its error make the exit code 1.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[derive(Clone)]
    /// # struct Pool;
    /// # impl Pool { async fn close(&self) {} }
    /// # fn register(app: &ebbtide::Handle, pool: Pool, cache: std::sync::Arc<tokio::sync::Mutex<Vec<u8>>>) {
    /// let pool = app.resource("pool", pool, async |pool| pool.close().await);
    /// let cache = app.resource("cache", cache, async |cache| {
    ///     std::fs::write("cache.bin", cache.lock().await.as_slice())?;
    ///     Ok(())
    /// });
    /// # drop((pool, cache));
    /// # }
    /// ```
    pub fn resource<T, F, Fut>(&self, name: impl Into<String>, value: T, close: F) -> T
    where
        T: Clone + Send + 'static,
        F: FnOnce(T) -> Fut + Send + 'static,
        Fut: Future<Output: IntoResult<BoxError>> + Send + 'static,
    {
        let held = value.clone();
        self.teardown(self.spec(name, Stage::Resources, Kind::Teardown), move |_| ended(close(held)));
        value
    }

    /// Registers something that is flushed last, on the forced path too: a log writer's guard, a trace exporter.
    ///
    /// It is a plain closure, run once on a thread of its own, so that a blocked runtime doesn't keep it from running and
    /// a flush that deadlocks doesn't keep the process. Flushers run one at a time, the last registered first; on the
    /// forced path all at once.
    ///
    /// A second signal ends the process at once, as SIGKILL does: neither leaves time for a flush.
    pub fn on_flush(&self, name: impl Into<String>, flush: impl FnOnce() + Send + 'static) {
        self.try_on_flush(name, move |_| {
            flush();
            Ok(())
        });
    }

    /// Registers a flusher as [`on_flush`](Self::on_flush) does, one that may fail and wants to know how long it has.
    ///
    /// It is told the time until its flusher's deadline: what waits no longer than that can still say what it lost. Its error
    /// makes the exit code 1, and is told on standard error, because the log may be what failed.
    ///
    /// # Examples
    ///
    /// ```
    /// # struct Exporter;
    /// # impl Exporter {
    /// #     fn shutdown(&self, _limit: std::time::Duration) -> Result<(), std::io::Error> { Ok(()) }
    /// # }
    /// # fn register(app: &ebbtide::Handle, exporter: Exporter) {
    /// app.try_on_flush("spans", move |left| Ok(exporter.shutdown(left)?));
    /// # }
    /// ```
    pub fn try_on_flush(
        &self,
        name: impl Into<String>,
        flush: impl FnOnce(Duration) -> Result<(), BoxError> + Send + 'static,
    ) {
        let slot = Arc::new(FlushSlot::new(name.into(), Box::new(flush)));
        self.register(flusher(slot, self.limit));
    }
}
