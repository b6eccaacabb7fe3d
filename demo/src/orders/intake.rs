use ebbtide::BoxError;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{NewOrder, State};
use crate::queue::AnyQueue;
use crate::store::{Store, StoreError};

/// Takes orders in: stores each, and pushes a job for it. Cheap to clone.
///
/// The table is the outbox. An order whose push was not seen to end, because the process died in between, stays `stored`,
/// and the next start pushes it (again).
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    store: Store,
    queue: AnyQueue,
}

/// An order to be taken in, and whom to tell.
///
/// Not the request's handler does it, but a worker of a pool. A handler is dropped when its client hangs up, and if that
/// happened between the row and the queue, the order would be nobody's until the next start. What was sent to
/// a pool is run to its end.
#[derive(Debug)]
pub(crate) struct Taking {
    pub(crate) order: NewOrder,
    /// Told the order's id when its job is in the queue.
    pub(crate) taken: oneshot::Sender<Result<String, IntakeError>>,
}

/// An order was not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It stays `stored`, and the next start pushes it.
    #[error("failed to push the job of order {id}: {cause}")]
    Queue { id: String, cause: BoxError },
}

impl Intake {
    pub(crate) fn new(store: Store, queue: AnyQueue) -> Self {
        Self { store, queue }
    }

    /// Takes one in. What goes wrong is the client's to know, and no reason to stop.
    pub(crate) async fn run(self, taking: Taking) -> Result<(), BoxError> {
        let taken = self.take(&taking.order).await;
        // Nobody listens when the client has hung up; the order is worked off all the same.
        let _ = taking.taken.send(taken);
        Ok(())
    }

    /// Pushes the orders that an earlier process stored and did not see in the queue. The service is ready when all are
    /// there.
    ///
    /// Where several services share a table, another one may be about to push them: an order then has two jobs, and
    /// that is better than none.
    pub(crate) async fn resume(&self) -> Result<(), BoxError> {
        let left = self.store.without_job().await?;
        if !left.is_empty() {
            tracing::warn!(orders = left.len(), "an earlier run stored orders without a job: pushing them");
        }
        for id in left {
            self.push(&id).await?;
        }
        Ok(())
    }

    async fn take(&self, order: &NewOrder) -> Result<String, IntakeError> {
        // Version 7 grows with time: new rows lie side by side in the index.
        let id = Uuid::now_v7().to_string();
        self.store.insert(&id, order).await?;
        tracing::debug!(id, item = order.item, quantity = order.quantity, "order stored");
        self.push(&id).await?;
        Ok(id)
    }

    async fn push(&self, id: &str) -> Result<(), IntakeError> {
        let pushed = self.queue.push(id.as_bytes()).await;
        pushed.map_err(|cause| IntakeError::Queue { id: id.to_owned(), cause })?;
        // It may be done by now: then it stays so.
        self.store.advance(id, State::Queued).await?;
        Ok(())
    }
}
