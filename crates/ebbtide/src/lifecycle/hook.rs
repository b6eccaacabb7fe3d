use std::sync::Arc;
use std::time::Duration;

use super::handle_of::ended;
use super::{Handle, IntoResult};
use crate::drain::{Stop, StopSource};
use crate::model::{Kind, Spec, Stage};
use crate::runtime::{FlushSlot, Registration, Run};
use crate::util::{BoxError, clock};

impl Handle {
    /// Registers a hook that runs when the shutdown begins, concurrently with the lame duck. For example, to leave service
    /// discovery or release a lease.
    ///
    /// All hooks run concurrently. A hook returns nothing or a `Result`. A hook that has not finished at the deadline of the
    /// servers is cancelled. [`within`](Self::within) sets a separate deadline, so that an unresponsive registry does not delay
    /// the shutdown. The token carries the deadline.
    ///
    /// # Errors
    ///
    /// A hook that returns `Err` or panics is logged as `component failed`, has the outcome `failed` in the report, and makes the exit code
    /// 1. The other hooks run, and the shutdown goes on as without it. A hook whose error is no failure of the stop returns `Ok`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ebbtide::call::Call;
    /// use ebbtide::{BoxError, Handle};
    ///
    /// # struct Lease;
    /// # impl Lease { async fn delete(self) -> Result<(), BoxError> { Ok(()) } }
    /// # fn register(app: &Handle, lease: Lease) -> Result<(), BoxError> {
    /// let leave = Call::put("http://127.0.0.1:8500/v1/agent/service/deregister/orders-1")?;
    /// app.within(Duration::from_secs(2)).on_stop("leave consul", |_| async move { Ok(leave.send().await?) });
    /// app.within(Duration::from_secs(1)).on_stop("leader lease", |_| lease.delete());
    /// # Ok(()) }
    /// ```
    pub fn on_stop<F, Fut>(&self, name: impl Into<String>, hook: F)
    where
        F: FnOnce(Stop) -> Fut + Send + 'static,
        Fut: Future<Output: IntoResult<BoxError>> + Send + 'static,
    {
        self.teardown(self.spec(name, Stage::Intake, Kind::Teardown), |stop| ended(hook(stop)));
    }

    /// Registers a flusher that runs last, also when the watchdog ends the process. For example, a log writer's guard or a trace
    /// exporter.
    ///
    /// It is a plain closure, run once on a dedicated thread: a blocked runtime does not prevent it, and a flush that deadlocks
    /// does not block the exit. Flushers run one at a time, the last registered first. When the watchdog ends the process, they
    /// run concurrently.
    ///
    /// A second signal terminates the process immediately, as SIGKILL does: flushers do not run then.
    pub fn on_flush(&self, name: impl Into<String>, flush: impl FnOnce() + Send + 'static) {
        self.try_on_flush(name, move |_| {
            flush();
            Ok(())
        });
    }

    /// Registers a flusher that may fail and receives the time that it has left. Otherwise like [`on_flush`](Self::on_flush).
    ///
    /// The argument is the time until the deadline of the flusher: a flusher that returns within it can still report what was
    /// lost. Its error makes the exit code 1 and is written to standard error, because the log may be what failed.
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

    /// Registers an exit hook that runs just before the exit, after everything else, including the flushers and the health
    /// listener. For example, to stop a sidecar that the process needed until then.
    ///
    /// Like a flusher it is a plain closure on a dedicated thread, and receives the time that it has left. When the watchdog ends
    /// the process, it runs after the flushers have finished or three quarters of their time have passed. The last registered
    /// runs first. Its error makes the exit code 1 and is written to standard error. It does not run after a second signal.
    ///
    /// # Examples
    ///
    /// ```
    /// use ebbtide::call::Call;
    ///
    /// # fn register(app: &ebbtide::Handle) -> Result<(), ebbtide::BoxError> {
    /// let quit = Call::post("http://127.0.0.1:15020/quitquitquit")?;
    /// app.at_exit("sidecar", move |left| Ok(quit.timeout(left).send_blocking()?));
    /// # Ok(()) }
    /// ```
    pub fn at_exit(
        &self,
        name: impl Into<String>,
        run: impl FnOnce(Duration) -> Result<(), BoxError> + Send + 'static,
    ) {
        let slot = Arc::new(FlushSlot::last(name.into(), Box::new(run)));
        self.register(flusher(slot, self.limit));
    }
}

/// Creates the component of a flusher or an exit hook.
pub(super) fn flusher(slot: Arc<FlushSlot>, limit: Option<Duration>) -> Registration {
    let kind = if slot.is_last() { Kind::Last } else { Kind::Teardown };
    let mut spec = Spec::new(slot.name(), Stage::Telemetry, kind);
    spec.limit = limit;
    Registration { spec, source: StopSource::with_clock(clock::now), run: Run::Flush(slot), work: None }
}
