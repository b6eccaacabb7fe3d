use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::drain::{Arrivals, Stop, StopSource, Work};
use crate::model::{Cause, Kind, Phase, Plan, Snapshot, Spec, Stage};
use crate::runtime::{Board, Input, Inputs, LifecycleLedger, Registration, Run, Temporaries, Watchdog};
use crate::util::{BoxError, BoxFuture, clock};

/// The handle of a running lifecycle: registers components, and tells how far it has come.
///
/// Cheap to clone; may be kept by handlers and jobs. A component that is registered while a stop is under way is asked to
/// stop at once, so that what was opened is closed.
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
    /// The deadline of what is registered through it; see [`within`](Self::within).
    pub(super) limit: Option<Duration>,
}

/// What a server gets from the lifecycle that runs it.
#[derive(Clone, Debug)]
pub struct Context {
    /// Raised when the stop begins: announce it, and go on serving.
    pub announced: Stop,
    /// Raised when this component is to stop: take nothing new, finish what is held, and cut it when told.
    pub stop: Stop,
    /// Where new requests are noted from the announcement on, so that the lame duck can end when none comes.
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

    /// Begins the stop, as a signal would. Only the first cause counts. Returns at once.
    pub fn stop(&self, reason: impl Into<String>) {
        self.begin_stop(Cause::Requested { reason: reason.into() });
    }

    pub(super) fn begin_stop(&self, cause: Cause) {
        // Armed from here: the dispatcher may be what is blocked.
        if let Some(watchdog) = &self.watchdog {
            watchdog.arm();
        }
        self.inputs.send(Input::Stop(cause));
    }

    /// Returns the token that is raised when the stop begins.
    pub fn stop_token(&self) -> Stop {
        self.announced.clone()
    }

    /// Returns the token that is raised when the lame duck is over and the servers close: the one for what servers hold
    /// that has no end of its own, such as a WebSocket.
    ///
    /// Its deadline is when servers cut what is left, and it is cut then.
    pub fn drain_token(&self) -> Stop {
        self.drain.clone()
    }

    /// Returns the phase.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the lifecycle has come to `phase` or beyond.
    ///
    /// For watchers from outside, such as a test or a thread of the program's own. A component or a job that waits for a phase which
    /// waits for itself (workers for [`Closing`](Phase::Closing), everything for [`Exited`](Phase::Exited)) waits until it is cancelled
    /// at its deadline, and is reported as that: wait for its own token there.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn reached(&self, phase: Phase) {
        let mut phases = self.phase.clone();
        // An error means that the lifecycle is gone: it was beyond every phase.
        let _ = phases.wait_for(|now| *now >= phase).await;
    }

    /// Returns the plan of the stop.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Tells how far everything is at this moment: what each component holds, and for how long. For debugging: it
    /// asks every component.
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

    /// Returns a handle whose registrations have a deadline of their own, counted from the moment they are asked to stop.
    /// The stage's deadline holds as well. With zero what is asked is cut at once: a teardown begins, and has until its abort.
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

    /// Returns what is removed at the end.
    pub(super) fn temporaries(&self) -> &Temporaries {
        self.ledger.temporaries()
    }

    /// Returns how the readiness checks stand.
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

    /// Registers something that is done when the stage's turn comes.
    pub(super) fn teardown<F, Fut>(&self, spec: Spec, begin: F)
    where
        F: FnOnce(Stop) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let begin = Box::new(move |stop: Stop| -> BoxFuture<Result<(), BoxError>> {
            // In the task, and not by the dispatcher, which calls this: what comes before the future may panic or block too.
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
        if let Run::Flush(slot) = &registration.run {
            // Not by the dispatcher, which may be blocked: on the forced path it is run all the same.
            self.ledger.keep_flusher(Arc::clone(slot));
        }
        self.inputs.send(Input::Register(registration));
    }
}
