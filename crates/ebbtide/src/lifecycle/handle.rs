use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::drain::{Arrivals, Stop, StopSource, Work};
use crate::model::{Cause, Kind, Phase, Plan, Snapshot, Spec, Stage};
use crate::runtime::{Board, Input, Inputs, LifecycleLedger, Registration, Run, Temporaries, Watchdog};
use crate::util::{BoxError, BoxFuture, clock};

/// The handle of a running lifecycle: registers components and reports progress.
///
/// Cheap to clone. Handlers and jobs may keep clones. A component that is registered during the shutdown is asked to stop
/// immediately, so that its resources are closed.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: Inputs,
    phase: watch::Receiver<Phase>,
    announced: Stop,
    drain: Stop,
    arrivals: Arrivals,
    watchdog: Option<Watchdog>,
    plan: Arc<Plan>,
    ledger: Arc<LifecycleLedger>,
    board: Board,
    /// The deadline of components registered through this handle; see [`within`](Self::within).
    pub(super) limit: Option<Duration>,
}

/// The tokens that a lifecycle passes to a server.
#[derive(Clone, Debug)]
pub struct Context {
    /// Stopping when the shutdown begins: announce it, and keep serving.
    pub announced: Stop,
    /// Stopping when this component must stop: take nothing new, and finish work in flight. Cancelled at its deadline: cancel
    /// the remaining work.
    pub stop: Stop,
    /// Counts new requests after the announcement, so that the lame duck can end when none arrives.
    pub arrivals: Arrivals,
}

impl Handle {
    pub(super) fn new(
        inputs: Inputs,
        phase: watch::Receiver<Phase>,
        announced: Stop,
        drain: Stop,
        arrivals: Arrivals,
        watchdog: Option<Watchdog>,
        ledger: Arc<LifecycleLedger>,
    ) -> Self {
        let (plan, board) = (Arc::new(ledger.plan()), Board::new());
        Self { inputs, phase, announced, drain, arrivals, watchdog, plan, ledger, board, limit: None }
    }

    /// Begins the shutdown, as a signal does. Only the first cause counts. Returns immediately.
    pub fn stop(&self, reason: impl Into<String>) {
        self.begin_stop(Cause::Requested { reason: reason.into() });
    }

    pub(super) fn begin_stop(&self, cause: Cause) {
        // Armed here, because the dispatcher may be blocked.
        if let Some(watchdog) = &self.watchdog {
            watchdog.arm();
        }
        self.inputs.send(Input::Stop(cause));
    }

    /// Returns the token that is stopping when the shutdown begins.
    pub fn stop_token(&self) -> Stop {
        self.announced.clone()
    }

    /// Returns the token that is stopping when the lame duck has ended and the servers close. It is for work of servers that
    /// does not end by itself, such as a WebSocket.
    ///
    /// Its deadline is the time at which servers cancel remaining work. It is cancelled then.
    pub fn drain_token(&self) -> Stop {
        self.drain.clone()
    }

    /// Returns the current phase.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the lifecycle has reached `phase` or a later one.
    ///
    /// For code outside the components, such as a test or a separate thread. A component or job must not wait for a phase that
    /// begins only after it has ended (workers for [`Closing`](Phase::Closing), everything for [`Exited`](Phase::Exited)): it is
    /// cancelled at its deadline and reported as cancelled. Components wait for their own token instead.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn reached(&self, phase: Phase) {
        let mut phases = self.phase.clone();
        // An error means that the lifecycle has exited: it has passed every phase.
        let _ = phases.wait_for(|now| *now >= phase).await;
    }

    /// Returns the shutdown plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the current state of each component: its work in flight, and the age of that work. For debugging: it queries
    /// every component.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn look(app: &ebbtide::Handle) {
    /// for component in app.snapshot().components {
    ///     println!("{}: {} in flight", component.name, component.in_flight);
    /// }
    /// # }
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        self.ledger.snapshot()
    }

    /// Returns a handle whose components have a separate deadline, counted from when they are asked to stop.
    ///
    /// The deadline of the stage applies as well. With zero a component is cancelled as soon as it is asked to stop; a teardown
    /// begins, and may run until its abort.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ebbtide::{Handle, Lifecycle};
    /// # fn register(app: &Handle) {
    /// app.within(Duration::from_secs(2)).resource("cache", (), |()| async { Ok(()) });
    /// # }
    /// ```
    #[must_use = "the limit applies only to components registered through the returned handle"]
    pub fn within(&self, limit: Duration) -> Self {
        let mut app = self.clone();
        app.limit = Some(limit);
        app
    }

    /// Returns the temporary files that are removed at exit.
    pub(super) fn temporaries(&self) -> &Temporaries {
        self.ledger.temporaries()
    }

    /// Returns the name of the lifecycle.
    pub(super) fn lifecycle_name(&self) -> &str {
        self.ledger.name()
    }

    /// Returns the states of the readiness checks.
    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    #[cfg(feature = "tower")]
    pub(crate) fn arrivals(&self) -> Arrivals {
        self.arrivals.clone()
    }

    pub(crate) fn spec(&self, name: impl Into<String>, stage: Stage, kind: Kind) -> Spec {
        let mut spec = Spec::new(name, stage, kind);
        spec.limit = self.limit;
        spec
    }

    pub(crate) fn spawn<F, Fut>(&self, spec: Spec, work: Option<Arc<dyn Work>>, run: F)
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let source = StopSource::with_clock(clock::now);
        let context = Context {
            announced: self.announced.clone(),
            stop: source.token(),
            arrivals: self.arrivals.clone(),
        };
        let future: BoxFuture<Result<(), BoxError>> = Box::pin(run(context));
        self.register(Registration { spec, source, run: Run::Task(future), work });
    }

    /// Registers work that runs when its stage stops.
    pub(super) fn teardown<F, Fut>(&self, spec: Spec, begin: F)
    where
        F: FnOnce(Stop) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let begin = Box::new(move |stop: Stop| -> BoxFuture<Result<(), BoxError>> {
            // In the task, and not in the dispatcher, which calls this: the code before the future may panic or block too.
            Box::pin(async move { begin(stop).await })
        });
        self.register(Registration {
            spec,
            source: StopSource::with_clock(clock::now),
            run: Run::OnAsk(begin),
            work: None,
        });
    }

    pub(super) fn register(&self, registration: Registration) {
        self.check_name(&registration.spec);
        if let Run::Flush(slot) = &registration.run {
            // Not in the dispatcher, which may be blocked: it also runs on the forced path.
            self.ledger.keep_flusher(Arc::clone(slot));
        }
        self.inputs.send(Input::Register(registration));
    }
}
