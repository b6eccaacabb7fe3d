//! Misbehaviour on request: each fault is a real one, and small.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use ebbtide::health::{Health, HealthService, HealthState};
use ebbtide::http::{CloseMode, Server};
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};
use ebbtide::{BoxError, Handle, LameDuck, Lifecycle, Stop};
use sqlx::Executor as _;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::store::{Store, StoreError, with_pool};

/// Names one way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum Fault {
    /// The first order's job never ends
    StuckWorker,
    /// From the stop signal on, every thread of the runtime is blocked
    BlockedRuntime,
    /// Closing a resource takes longer than there is time
    SlowClose,
    /// SIGTERM and SIGINT have no effect once it is up: end it with SIGKILL or Ctrl-\
    IgnoreSignal,
    /// The listener and idle connections are closed at the signal, the way other servers do it
    CloseListener,
    /// /readyz stays green after the signal, until the listener is closed
    NoReadinessFlip,
    /// After the signal the queue's consumer takes jobs and keeps them; RabbitMQ gives them to others when it is gone
    KeepJobs,
    /// A database connection is taken and never given back
    LeakConnection,
    /// The process exits at the signal, with 0 and whatever is in flight
    ExitEarly,
    /// What the log has buffered is not flushed at the end
    LoseLog,
}

/// The faults that were asked for; usually none.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    wanted: Vec<Fault>,
}

impl Faults {
    pub(crate) fn new(wanted: &[Fault]) -> Self {
        Self { wanted: wanted.to_vec() }
    }

    pub(crate) fn on(&self, fault: Fault) -> bool {
        self.wanted.contains(&fault)
    }

    /// Takes the lame duck from a service that is to close its listener at once.
    pub(crate) fn budget(&self, lifecycle: Lifecycle) -> Lifecycle {
        if self.on(Fault::CloseListener) { lifecycle.lame_duck(LameDuck::NONE) } else { lifecycle }
    }

    /// Sets up what can be set up beside the service; the others are asked for where they bite.
    pub(crate) async fn arm(&self, app: &Handle, store: &Store) -> Result<(), BoxError> {
        for fault in &self.wanted {
            tracing::warn!(?fault, "misbehaving on request");
            match fault {
                Fault::BlockedRuntime => block_runtime(app),
                Fault::SlowClose => close_slowly(app),
                Fault::IgnoreSignal => ignore_signals()?,
                Fault::LeakConnection => leak_connection(store).await?,
                Fault::ExitEarly => exit_early(app),
                Fault::StuckWorker
                | Fault::CloseListener
                | Fault::NoReadinessFlip
                | Fault::KeepJobs
                | Fault::LoseLog => {}
            }
        }
        Ok(())
    }

    /// Returns a server that misbehaves at the stop, if one was asked for.
    pub(crate) fn server(&self, app: &Handle, router: &Router) -> Option<Server<HealthService<Router>>> {
        let (abrupt, evergreen) = (self.on(Fault::CloseListener), self.on(Fault::NoReadinessFlip));
        if !abrupt && !evergreen {
            return None;
        }
        let health = if evergreen { Health::from_fn(|| HealthState::Ready) } else { app.health_handle() };
        let server = Server::new(health.wrap(router.clone()));
        Some(if abrupt { server.close_mode(CloseMode::Abrupt) } else { server })
    }

    /// Returns what the consumer takes its jobs from.
    pub(crate) fn queue<Q>(&self, queue: Q) -> KeepJobs<Q> {
        KeepJobs { queue, wanted: self.on(Fault::KeepJobs) }
    }

    pub(crate) fn stuck_worker(&self) -> StuckWorker {
        StuckWorker::new(self.on(Fault::StuckWorker))
    }
}

/// Blocks every worker thread of the runtime as soon as the stop begins, as a forgotten lock or a long computation does.
/// The threads sleep: whoever watches from outside needs the processor.
fn block_runtime(app: &Handle) {
    app.on_stop("blocked runtime", async |_| -> () {
        let mut blockers = JoinSet::new();
        // One would do for each of the other threads; some may be taken by the same thread before it blocks.
        for _ in 0..4 * tokio::runtime::Handle::current().metrics().num_workers() {
            blockers.spawn(async { block() });
        }
        block()
    });
}

fn block() -> ! {
    loop {
        thread::park();
    }
}

/// Registers a resource whose close takes twice as long as the whole stop may.
fn close_slowly(app: &Handle) {
    let time = app.plan().deadline.saturating_mul(2);
    app.resource("slow courier", (), move |()| async move {
        tokio::time::sleep(time).await;
        Ok(())
    });
}

/// Replaces the handlers of the stop signals, as a library that means well may do behind one's back.
#[expect(unsafe_code, reason = "a signal's disposition is set by libc calls only")]
fn ignore_signals() -> io::Result<()> {
    for number in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: SIG_IGN installs no handler, so that no code of ours runs in a signal's context.
        if unsafe { libc::signal(number, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Takes a connection, begins a transaction on it and never gives it back: the pool cannot be closed, and PostgreSQL
/// sees a session that was abandoned.
async fn leak_connection(store: &Store) -> Result<(), StoreError> {
    with_pool!(store.pool(), |pool| {
        let mut connection = pool.acquire().await.map_err(StoreError::when("take a connection"))?;
        connection.execute("BEGIN").await.map_err(StoreError::when("begin a transaction"))?;
        std::mem::forget(connection);
    });
    Ok(())
}

/// Ends the process at the signal and claims that all is well.
fn exit_early(app: &Handle) {
    app.on_stop("early exit", async |_| -> () {
        #[expect(clippy::disallowed_methods, reason = "this is what the fault is")]
        std::process::exit(0)
    });
}

/// A place in a job where the first one that comes by stays for ever, if that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct StuckWorker {
    next_one: Arc<AtomicBool>,
}

impl StuckWorker {
    fn new(wanted: bool) -> Self {
        Self { next_one: Arc::new(AtomicBool::new(wanted)) }
    }

    pub(crate) async fn wait(&self) {
        if self.next_one.load(Ordering::Relaxed) && self.next_one.swap(false, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

/// A queue that takes further jobs when its consumer has stopped, and neither works them off nor gives them back, if that
/// was asked for.
#[derive(Clone, Debug)]
pub(crate) struct KeepJobs<Q> {
    queue: Q,
    wanted: bool,
}

/// How long it waits for a job that it can keep.
const GREED: Duration = Duration::from_millis(1500);

impl<Q: Queue> Queue for KeepJobs<Q> {
    type Receipt = Q::Receipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<Q::Receipt>>, BoxError> {
        self.queue.fetch(max, stop).await
    }

    fn prefetch(&self, allowed: bool) -> bool {
        self.queue.prefetch(allowed)
    }

    async fn settle(&self, receipt: &Q::Receipt, settlement: Settlement) -> Result<Settled, BoxError> {
        self.queue.settle(receipt, settlement).await
    }

    fn lease(&self) -> Option<Duration> {
        self.queue.lease()
    }

    async fn extend(&self, receipts: &[Q::Receipt]) -> Result<(), BoxError> {
        self.queue.extend(receipts).await
    }

    fn extends_anywhere(&self) -> bool {
        self.queue.extends_anywhere()
    }

    fn limitation(&self, concurrency: usize) -> Option<String> {
        self.queue.limitation(concurrency)
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<Q::Receipt>>, BoxError> {
        if self.wanted {
            let never = Stop::never();
            if let Ok(Ok(kept)) = timeout(GREED, self.queue.fetch(4, &never)).await {
                tracing::warn!(jobs = kept.len(), "keeping jobs to ourselves");
            }
        }
        self.queue.withdraw().await
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.queue.close().await
    }
}
