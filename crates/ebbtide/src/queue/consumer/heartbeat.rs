use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout, timeout_at};
use tracing::dispatcher;

use super::consumer::ConsumerContext;
use super::outage::{AGAIN, NoAnswer, Outage};
use crate::drain::Work as _;
use crate::model::{part, show_duration};
use crate::queue::Queue;
use crate::util::clock;

/// Renews the leases, from a separate thread where that is possible.
///
/// A handler that blocks its thread blocks no other handler, but a few of them block all threads of the runtime, and everything
/// else that runs there. Therefore the renewals have a separate thread and runtime. A queue whose connections belong to the
/// consumer's runtime ([`Queue::extends_anywhere`]) is extended by a task there, and a thread reports when that task is late.
///
/// # Invariants
///
/// 1. No lease is extended after [`stop`](Self::stop), or after this is dropped.
/// 2. The runtime of the renewals runs until [`end`](Self::end), so that the queue can close what it opened there.
/// 3. When `end` has returned in time, the thread of the renewals has exited. The watching thread exits by itself: waiting for
///    it would let a paused clock advance.
pub(super) struct Heartbeat {
    task: JoinSet<()>,
    thread: Option<HeartbeatThread>,
}

struct HeartbeatThread {
    /// The renewals end when this is dropped, and so does the watching thread.
    beats: Option<oneshot::Sender<()>>,
    /// The thread ends when this is dropped.
    runs: Option<oneshot::Sender<()>>,
    /// The thread of the renewals closes this as its last action.
    exits: Option<oneshot::Receiver<()>>,
    handle: JoinHandle<()>,
}

impl Heartbeat {
    pub(super) fn start<Q: Queue, F: Send + Sync + 'static>(context: &Arc<ConsumerContext<Q, F>>) -> Self {
        let mut heartbeat = Self { task: JoinSet::new(), thread: None };
        if context.queue.lease().is_none() {
            return heartbeat;
        }
        let anywhere = context.queue.extends_anywhere();
        match HeartbeatThread::start(Arc::clone(context), anywhere) {
            Ok(thread) => heartbeat.thread = Some(thread),
            Err(error) => crate::runtime::log_warn!(
                consumer = &*context.name,
                %error,
                "cannot start the heartbeat thread; handlers that block the runtime delay lease renewal"
            ),
        }
        if !anywhere || heartbeat.thread.is_none() {
            heartbeat.task.spawn(renew_leases(Arc::clone(context)));
        }
        heartbeat
    }

    /// Ends the renewals.
    pub(super) fn stop(&mut self) {
        self.task.abort_all();
        if let Some(thread) = &mut self.thread {
            thread.beats = None;
        }
    }

    /// Ends the thread, and waits for it at most for the given time.
    pub(super) async fn end(self, until: Instant) {
        let Some(HeartbeatThread { beats, runs, exits, handle }) = self.thread else { return };
        drop((beats, runs));
        let Some(exits) = exits else { return };
        if timeout_at(tokio::time::Instant::from_std(until), exits).await.is_ok() {
            // The thread has nothing left to do. If it panicked, the panic hook has reported it.
            let _ = handle.join();
        }
    }
}

impl HeartbeatThread {
    fn start<Q, F>(context: Arc<ConsumerContext<Q, F>>, anywhere: bool) -> io::Result<Self>
    where
        Q: Queue,
        F: Send + Sync + 'static,
    {
        let ((beats, stopped), (runs, ended), (exit, exits)) =
            (oneshot::channel::<()>(), oneshot::channel::<()>(), oneshot::channel::<()>());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // A subscriber that is set for one thread only is the one of the consumer's thread.
        let subscriber = dispatcher::get_default(Clone::clone);
        let keep = async move {
            let renewing =
                async { if anywhere { renew_leases(context).await } else { watch_renewals(&context).await } };
            tokio::select! {
                biased;
                _ = stopped => {}
                () = renewing => {}
            }
            let _ = ended.await;
        };
        let run = move || {
            dispatcher::with_default(&subscriber, || runtime.block_on(keep));
            drop((runtime, exit));
        };
        let handle = thread::Builder::new().name("ebbtide leases".to_owned()).spawn(run)?;
        Ok(Self { beats: Some(beats), runs: Some(runs), exits: anywhere.then_some(exits), handle })
    }
}

/// Returns the interval between two renewals.
fn period(lease: Duration) -> Duration {
    part(lease, 1, 3).max(Duration::from_millis(1))
}

/// Extends the leases of all held deliveries, three times per lease, until it is dropped (invariant Q6).
async fn renew_leases<Q: Queue, F>(context: Arc<ConsumerContext<Q, F>>) {
    let Some(lease) = context.queue.lease() else { return };
    let period = period(lease);
    let outage = Outage::new(Arc::clone(&context.name), "extend the leases of jobs");
    let (mut next, mut failures) = (clock::after(clock::now(), period), 0);
    loop {
        sleep_until(next.into()).await;
        context.beats.fetch_add(1, Ordering::Relaxed);
        let begun = clock::now();
        next = clock::after(begun, period);
        let receipts = context.deliveries.receipts();
        if receipts.is_empty() {
            // Only a lease to extend shows whether the queue is available again.
            outage.forget();
            failures = 0;
            continue;
        }
        // A call without a response in time is repeated while part of the lease is left.
        let said = timeout(period, context.queue.extend(&receipts)).await;
        context.beats.fetch_add(1, Ordering::Relaxed);
        match said.unwrap_or_else(|_| Err(NoAnswer(period).into())) {
            Ok(()) => {
                outage.over();
                failures = 0;
            }
            Err(error) => {
                outage.failed(&*error);
                failures += 1;
                next = clock::after(clock::now(), AGAIN.after(failures).min(period));
            }
        }
    }
}

/// Reports, from another thread, that the renewal task has not run for two thirds of a lease: jobs are about to be delivered to
/// other consumers, and the blocked runtime cannot report it.
///
/// The task increments a counter, because its clock may be paused; this thread's clock is not.
async fn watch_renewals<Q: Queue, F>(context: &Arc<ConsumerContext<Q, F>>) {
    let Some(lease) = context.queue.lease() else { return };
    let period = period(lease);
    let (mut beats, mut since, mut late) = (None, clock::now(), false);
    loop {
        sleep(part(period, 1, 4).max(Duration::from_millis(1))).await;
        let seen = Some(context.beats.load(Ordering::Relaxed));
        let silent = clock::now().saturating_duration_since(since);
        if seen != beats {
            if late {
                report_resumed(context, silent, lease);
            }
            (beats, since, late) = (seen, clock::now(), false);
        } else if !late && silent >= period.saturating_mul(2) && context.deliveries.in_flight() > 0 {
            late = true;
            report_late(context, since, lease);
        }
    }
}

fn report_late<Q: Queue, F>(context: &ConsumerContext<Q, F>, since: Instant, lease: Duration) {
    let silent = clock::now().saturating_duration_since(since);
    crate::runtime::log_warn!(
        consumer = &*context.name,
        jobs = context.deliveries.in_flight(),
        blocked_for = show_duration(silent),
        lease = show_duration(lease),
        "lease renewal is late: the runtime is blocked; its jobs will be redelivered when their leases expire"
    );
}

fn report_resumed<Q: Queue, F>(context: &ConsumerContext<Q, F>, silent: Duration, lease: Duration) {
    crate::runtime::log_warn!(
        consumer = &*context.name,
        blocked_for = show_duration(silent),
        lease = show_duration(lease),
        "lease renewal resumed: the runtime was blocked; its jobs may have been redelivered"
    );
}
