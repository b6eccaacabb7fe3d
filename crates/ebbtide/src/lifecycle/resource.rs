use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::handle_of::ended;
use super::{Handle, IntoResult};
use crate::drain::{StopSource, Work};
use crate::model::{Kind, Stage, Straggler};
use crate::runtime::{Registration, Run};
use crate::util::{BoxError, BoxFuture, clock};

/// What delays the close of a resource, such as connections of a pool that are still in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    count: u64,
    what: String,
}

impl Held {
    /// Creates a value that reports `count` of something, such as `3` `"connections in use"`.
    pub fn new(count: u64, what: impl Into<String>) -> Self {
        Self { count, what: what.into() }
    }
}

impl Handle {
    /// Registers a resource that is closed after the components that use it have stopped, and returns it.
    ///
    /// Resources are closed one at a time, in reverse order of registration. Each has a deadline: a close that hangs is reported
    /// by name and does not use the time of the others.
    ///
    /// `close` runs as a task and returns nothing or a `Result`; a panic or an error makes the exit code 1.
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

    /// Registers a resource that can report what delays its close. Otherwise like [`resource`](Self::resource).
    ///
    /// While `close` runs, `held` is called and the progress line shows its result. If `close` has not finished at its deadline,
    /// the log and the report show it too, and the report counts it as cancelled. `held` is called from any thread, including the
    /// watchdog, so it must not block for longer than a short lock. If it panics, the panic is logged, and nothing counts as held.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide::lifecycle::Held;
    /// # #[derive(Clone)]
    /// # struct Pool;
    /// # impl Pool {
    /// #     fn in_use(&self) -> u64 { 0 }
    /// #     async fn close(&self) {}
    /// # }
    /// # fn register(app: &ebbtide::Handle, pool: Pool) {
    /// let held = |pool: &Pool| Held::new(pool.in_use(), "connections in use");
    /// let pool = app.resource_holding("legacy", pool, held, async |pool| pool.close().await);
    /// # drop(pool);
    /// # }
    /// ```
    pub fn resource_holding<T, H, F, Fut>(&self, name: impl Into<String>, value: T, held: H, close: F) -> T
    where
        T: Clone + Send + Sync + 'static,
        H: Fn(&T) -> Held + Send + Sync + 'static,
        F: FnOnce(T) -> Fut + Send + 'static,
        Fut: Future<Output: IntoResult<BoxError>> + Send + 'static,
    {
        let asked = value.clone();
        let closing = Arc::new(ClosingResource {
            held: Box::new(move || held(&asked)),
            since: Mutex::new(None),
            over: AtomicBool::new(false),
            cancelled: AtomicU64::new(0),
        });
        let (kept, work) = (value.clone(), Arc::clone(&closing) as Arc<dyn Work>);
        let begin = Box::new(move |_| -> BoxFuture<Result<(), BoxError>> {
            let under_way = closing.begin();
            Box::pin(async move {
                let result = ended(close(kept)).await;
                under_way.done();
                result
            })
        });
        let spec = self.spec(name, Stage::Resources, Kind::Teardown);
        let source = StopSource::with_clock(clock::now);
        self.register(Registration { spec, source, run: Run::OnAsk(begin), work: Some(work) });
        value
    }
}

/// The close of a resource, once it has begun.
struct ClosingResource {
    held: Box<dyn Fn() -> Held + Send + Sync>,
    since: Mutex<Option<Instant>>,
    over: AtomicBool,
    cancelled: AtomicU64,
}

/// A close in progress. If it is dropped before it is [done](Self::done), it counts what is held at that time as cancelled.
struct CloseGuard(Arc<ClosingResource>);

impl ClosingResource {
    fn begin(self: &Arc<Self>) -> CloseGuard {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::now());
        CloseGuard(Arc::clone(self))
    }

    /// Returns when the close began, and what is held.
    fn now(&self) -> Option<(Instant, Held)> {
        // What is held before the close begins delays no shutdown.
        let since = (*self.since.lock().unwrap_or_else(PoisonError::into_inner))?;
        if self.over.load(Ordering::SeqCst) {
            return None;
        }
        Some((since, (self.held)())).filter(|(_, held)| held.count > 0)
    }
}

impl CloseGuard {
    fn done(&self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

impl Drop for CloseGuard {
    fn drop(&mut self) {
        // A panic of `close` drops it as well, and a second panic from here would abort the process.
        if let Ok(Some((_, held))) = catch_unwind(AssertUnwindSafe(|| self.0.now())) {
            self.0.cancelled.fetch_add(held.count, Ordering::SeqCst);
        }
        self.0.over.store(true, Ordering::SeqCst);
    }
}

impl Work for ClosingResource {
    fn in_flight(&self) -> u64 {
        self.now().map_or(0, |(_, held)| held.count)
    }

    fn finished(&self) -> u64 {
        0
    }

    fn cancelled(&self) -> u64 {
        self.cancelled.load(Ordering::SeqCst)
    }

    fn stragglers(&self) -> Vec<Straggler> {
        let describe = |(since, held): (Instant, Held)| Straggler {
            name: format!("{} {}", held.count, held.what),
            age: clock::now().saturating_duration_since(since),
            created: None,
        };
        self.now().map(describe).into_iter().collect()
    }
}
