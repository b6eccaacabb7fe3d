use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ebbtide::{BoxError, Stop};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use super::{NewOrder, State};
use crate::queue::AnyQueue;
use crate::store::{Store, StoreError};

/// Takes orders in: stores each, and pushes a job for it. Cheap to clone.
///
/// The table is the outbox. An order that is stored is accepted. While the queue does not answer it stays `stored`, and
/// [`catch_up`](Self::catch_up) pushes it when the queue answers again; so does the next start, where the process died in between.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    store: Store,
    queue: AnyQueue,
    /// The queue did not answer, and has not answered since.
    away: Arc<AtomicBool>,
}

/// An order to be taken in, and whom to tell.
///
/// Not the request's handler does it, but a worker of a pool. A handler is dropped when its client hangs up, and if that
/// happened between the row and the queue, the order would be nobody's until the next start. What was sent to
/// a pool is run to its end.
#[derive(Debug)]
pub(crate) struct Taking {
    pub(crate) order: NewOrder,
    /// Told when the order is stored, and its job is in the queue or the queue does not answer.
    pub(crate) taken: oneshot::Sender<Result<Taken, StoreError>>,
}

/// An order that was taken in.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) id: String,
    /// Queued, or stored where the queue does not answer.
    pub(crate) state: State,
}

/// How long a push may take. A client waits for it, and the order is safe before it; a busy database may need a second.
const PATIENCE: Duration = Duration::from_secs(5);

impl Intake {
    pub(crate) fn new(store: Store, queue: AnyQueue) -> Self {
        Self { store, queue, away: Arc::default() }
    }

    /// Takes one in. What goes wrong is the client's to know, and no reason to stop.
    pub(crate) async fn run(self, taking: Taking) -> Result<(), BoxError> {
        let taken = self.take(&taking.order).await;
        // Nobody listens when the client has hung up; the order is worked off all the same.
        let _ = taking.taken.send(taken);
        Ok(())
    }

    /// Pushes the orders that an earlier process stored and did not see in the queue. Where the queue does not answer, they wait
    /// with those that come.
    ///
    /// Where several services share a table, another one may be about to push them: an order then has two jobs, and
    /// that is better than none.
    pub(crate) async fn resume(&self) -> Result<(), BoxError> {
        let left = self.store.without_job().await?;
        if !left.is_empty() {
            tracing::warn!(orders = left.len(), "an earlier run stored orders without a job: pushing them");
        }
        for id in left {
            if self.hand_on(&id).await == State::Stored {
                break;
            }
        }
        Ok(())
    }

    /// Pushes the orders that were stored while the queue did not answer, if it does now; until the stop begins.
    pub(crate) async fn catch_up(self, stop: Stop) -> Result<(), BoxError> {
        if !self.away.load(Ordering::SeqCst) || !self.push_all(&stop).await? {
            return Ok(());
        }
        self.away.store(false, Ordering::SeqCst);
        tracing::info!("the queue answers again: the orders that waited are queued");
        // An order that was stored meanwhile saw the queue away, and is in the table by now.
        if !self.push_all(&stop).await? {
            self.away.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Pushes all that is without a job, and tells whether it did.
    async fn push_all(&self, stop: &Stop) -> Result<bool, BoxError> {
        for id in self.store.without_job().await? {
            // A stop waits for this: what is left is the next start's, also the one whose push is dropped here.
            let Some(Ok(())) = stop.unless_stopping(self.push(&id)).await else { return Ok(false) };
        }
        Ok(true)
    }

    async fn take(&self, order: &NewOrder) -> Result<Taken, StoreError> {
        // Version 7 grows with time: new rows lie side by side in the index.
        let id = Uuid::now_v7().to_string();
        self.store.insert(&id, order).await?;
        tracing::debug!(id, item = order.item, quantity = order.quantity, "order stored");
        let state = self.hand_on(&id).await;
        Ok(Taken { id, state })
    }

    /// Pushes the job of an order that is stored, unless the queue is known not to answer.
    async fn hand_on(&self, id: &str) -> State {
        if self.away.load(Ordering::SeqCst) {
            return State::Stored;
        }
        match self.push(id).await {
            Ok(()) => State::Queued,
            Err(error) => {
                if !self.away.swap(true, Ordering::SeqCst) {
                    let error: &dyn std::error::Error = &*error;
                    tracing::warn!(error, "the queue does not answer: orders are stored, and queued later");
                }
                State::Stored
            }
        }
    }

    async fn push(&self, id: &str) -> Result<(), BoxError> {
        let pushed = timeout(PATIENCE, self.queue.push(id.as_bytes())).await;
        pushed.map_err(|_| "no answer within 5s")??;
        // It may be done by now: then it stays so.
        self.store.advance(id, State::Queued).await?;
        Ok(())
    }
}
