use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tracing::dispatcher;

use super::beat::beat;
use super::late::watch;
use super::shared::Shared;
use crate::queue::Queue;

/// Keeps the leases, from a thread where that is possible.
///
/// A handler that blocks its thread blocks no other one, but a few of them block all that the runtime has, and whatever
/// else runs there. So the renewals have a thread and a runtime of their own. A queue whose connections belong to the
/// consumer's runtime ([`Queue::extends_anywhere`]) is extended by a task there, and a thread reports when that is late.
///
/// # Invariants
///
/// 1. No lease is extended after [`stop`](Self::stop), or after this is dropped.
/// 2. The runtime of the renewals runs until [`end`](Self::end), so that the queue can close in order what it opened there.
/// 3. When `end` has returned in time, the thread of the renewals has exited. That of the watch exits by itself: a wait for it
///    would let a paused clock run ahead.
pub(super) struct Heart {
    task: JoinSet<()>,
    thread: Option<Thread>,
}

struct Thread {
    /// The renewals end when this is dropped, and so does the watch.
    beats: Option<oneshot::Sender<()>>,
    /// The thread ends when this is dropped.
    runs: Option<oneshot::Sender<()>>,
    /// Closed by the thread of the renewals as the last thing that it does.
    exits: Option<oneshot::Receiver<()>>,
    handle: JoinHandle<()>,
}

impl Heart {
    pub(super) fn start<Q: Queue, F: Send + Sync + 'static>(shared: &Arc<Shared<Q, F>>) -> Self {
        let mut heart = Self { task: JoinSet::new(), thread: None };
        if shared.queue.lease().is_none() {
            return heart;
        }
        let anywhere = shared.queue.extends_anywhere();
        match Thread::start(Arc::clone(shared), anywhere) {
            Ok(thread) => heart.thread = Some(thread),
            Err(error) => crate::runtime::log_warn!(
                consumer = &*shared.name,
                %error,
                "no thread to keep leases: handlers that block the runtime delay their renewal"
            ),
        }
        if !anywhere || heart.thread.is_none() {
            heart.task.spawn(beat(Arc::clone(shared)));
        }
        heart
    }

    /// Ends the renewals.
    pub(super) fn stop(&mut self) {
        self.task.abort_all();
        if let Some(thread) = &mut self.thread {
            thread.beats = None;
        }
    }

    /// Ends the thread, and waits for it, but for no longer than that.
    pub(super) async fn end(self, until: Instant) {
        let Some(Thread { beats, runs, exits, handle }) = self.thread else { return };
        drop((beats, runs));
        let Some(exits) = exits else { return };
        if timeout_at(tokio::time::Instant::from_std(until), exits).await.is_ok() {
            // It has nothing left to do. Should it have panicked, that was reported by the hook.
            let _ = handle.join();
        }
    }
}

impl Thread {
    fn start<Q, F>(shared: Arc<Shared<Q, F>>, anywhere: bool) -> io::Result<Self>
    where
        Q: Queue,
        F: Send + Sync + 'static,
    {
        let ((beats, stopped), (runs, ended), (exit, exits)) =
            (oneshot::channel::<()>(), oneshot::channel::<()>(), oneshot::channel::<()>());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // A subscriber that is set for one thread only is that of the consumer.
        let subscriber = dispatcher::get_default(Clone::clone);
        let keep = async move {
            let renewing = async { if anywhere { beat(shared).await } else { watch(&shared).await } };
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
