use std::sync::Arc;
use std::time::Duration;

use super::handle_of::ended;
use super::{Handle, IntoResult};
use crate::drain::{Stop, StopSource};
use crate::model::{Kind, Spec, Stage};
use crate::runtime::{FlushSlot, Registration, Run};
use crate::util::{BoxError, clock};

impl Handle {
    /// Registers something to do when the stop begins, beside the lame duck: leave service discovery, drop a lease.
    ///
    /// All hooks run at once; one returns nothing or a `Result`. One that is not done when the servers' time is up is cut, and [`within`](Self::within) gives it a
    /// deadline of its own: a registry that does not answer then holds nothing up. The token tells it when.
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

    /// Registers something to do when everything else is over, the flushers and the health listener too, just before the exit: tell
    /// a sidecar to quit that the process needed until then.
    ///
    /// Like a flusher it is a plain closure on a thread of its own, so that it is run on the forced path too, when the flushers
    /// are done or three quarters of their time are over; it is told how long it has. What was registered last is done first.
    /// Its error makes the exit code 1 and is told on standard error. A second signal ends the process without it.
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

/// Makes a component of a flusher, or of what is done last.
pub(super) fn flusher(slot: Arc<FlushSlot>, limit: Option<Duration>) -> Registration {
    let kind = if slot.is_last() { Kind::Last } else { Kind::Teardown };
    let mut spec = Spec::new(slot.name(), Stage::Telemetry, kind);
    spec.limit = limit;
    Registration { spec, source: StopSource::with_clock(clock::now), run: Run::Flush(slot), work: None }
}
