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

/// A kind of misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum Fault {
    /// The first order's job never finishes
    StuckWorker,
    /// Every runtime thread blocks from the stop signal on
    BlockedRuntime,
    /// Closing a resource takes longer than the shutdown may take
    SlowClose,
    /// SIGTERM and SIGINT are ignored; end it with SIGKILL or Ctrl-\
    IgnoreSignal,
    /// Closes the listener and idle connections at the signal
    CloseListener,
    /// /readyz stays green after the signal until the listener closes
    NoReadinessFlip,
    /// The consumer fetches jobs after the signal and never settles them
    KeepJobs,
    /// Acquires a database connection and never releases it
    LeakConnection,
    /// Exits with code 0 at the signal and drops what is in flight
    ExitEarly,
    /// Does not flush the buffered log at the end
    LoseLog,
}

/// The requested faults; usually none.
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

    /// Disables the lame duck for a service that closes its listener at the signal.
    pub(crate) fn budget(&self, lifecycle: Lifecycle) -> Lifecycle {
        if self.on(Fault::CloseListener) { lifecycle.lame_duck(LameDuck::NONE) } else { lifecycle }
    }

    /// Sets up the faults that need no change in the service; the service queries the others where they take effect.
    pub(crate) async fn arm(&self, app: &Handle, store: &Store) -> Result<(), BoxError> {
        for fault in &self.wanted {
            tracing::warn!(?fault, "injecting fault");
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

    /// Returns a server that misbehaves at the shutdown, if such a fault was requested.
    pub(crate) fn server(&self, app: &Handle, router: &Router) -> Option<Server<HealthService<Router>>> {
        let (abrupt, evergreen) = (self.on(Fault::CloseListener), self.on(Fault::NoReadinessFlip));
        if !abrupt && !evergreen {
            return None;
        }
        let health = if evergreen { Health::from_fn(|| HealthState::Ready) } else { app.health_handle() };
        let server = Server::new(health.wrap(router.clone()));
        Some(if abrupt { server.close_mode(CloseMode::Abrupt) } else { server })
    }

    /// Returns the queue that the consumer fetches its jobs from.
    pub(crate) fn queue<Q>(&self, queue: Q) -> KeepJobs<Q> {
        KeepJobs { queue, wanted: self.on(Fault::KeepJobs) }
    }

    pub(crate) fn stuck_worker(&self) -> StuckWorker {
        StuckWorker::new(self.on(Fault::StuckWorker))
    }
}

/// Blocks every worker thread of the runtime when the shutdown begins, as a forgotten lock or a long computation does.
/// The threads sleep: the processes that observe this one need the processor.
fn block_runtime(app: &Handle) {
    app.on_stop("blocked runtime", async |_| -> () {
        let mut blockers = JoinSet::new();
        // One blocker for each thread is not enough: a thread may poll several before it blocks.
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

/// Registers a resource whose close takes twice as long as the whole shutdown may.
fn close_slowly(app: &Handle) {
    let time = app.plan().deadline.saturating_mul(2);
    app.resource("slow courier", (), move |()| async move {
        tokio::time::sleep(time).await;
        Ok(())
    });
}

/// Replaces the handlers of the stop signals, as a third-party library may do without the program's knowledge.
#[expect(unsafe_code, reason = "a signal's disposition is set by libc calls only")]
fn ignore_signals() -> io::Result<()> {
    for number in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: SIG_IGN installs no handler, so that no code of this crate runs in a signal's context.
        if unsafe { libc::signal(number, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Acquires a connection, begins a transaction on it and never releases it: the pool cannot be closed, and PostgreSQL
/// records an abandoned session.
async fn leak_connection(store: &Store) -> Result<(), StoreError> {
    with_pool!(store.pool(), |pool| {
        let mut connection = pool.acquire().await.map_err(StoreError::when("acquire a connection"))?;
        connection.execute("BEGIN").await.map_err(StoreError::when("begin a transaction"))?;
        std::mem::forget(connection);
    });
    Ok(())
}

/// Ends the process at the signal with exit code 0.
fn exit_early(app: &Handle) {
    app.on_stop("early exit", async |_| -> () {
        #[expect(clippy::disallowed_methods, reason = "this is what the fault is")]
        std::process::exit(0)
    });
}

/// A point in a job at which the first job that reaches it waits for ever, if the fault was requested.
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

/// A queue that fetches further jobs after its consumer has stopped, and neither runs nor requeues them, if the fault was
/// requested. RabbitMQ redelivers such jobs when the process exits; the other brokers do when the lease expires.
#[derive(Clone, Debug)]
pub(crate) struct KeepJobs<Q> {
    queue: Q,
    wanted: bool,
}

/// How long the fault waits for a job to keep.
const KEEP_TIMEOUT: Duration = Duration::from_millis(1500);

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
            if let Ok(Ok(kept)) = timeout(KEEP_TIMEOUT, self.queue.fetch(4, &never)).await {
                tracing::warn!(jobs = kept.len(), "fault keep-jobs: fetched jobs are not settled");
            }
        }
        self.queue.withdraw().await
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.queue.close().await
    }
}
