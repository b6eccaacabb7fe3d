//! Orders: the types, the intake and the processing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ebbtide::queue::{Job, Permanent};
use ebbtide::{BoxError, Stop};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use crate::faults::{Faults, StuckWorker};
use crate::queue::AnyQueue;
use crate::store::{Store, StoreError};

/// The body of `POST /orders`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    pub(crate) item: String,
    #[serde(default = "one")]
    pub(crate) quantity: i32,
}

/// A stored order.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) item: String,
    pub(crate) quantity: i32,
    pub(crate) state: String,
    pub(crate) created_at: String,
}

/// The state of an order. It only advances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderState {
    /// It is in the table, and whether it has a job is unknown.
    Stored,
    /// It has a job in the queue.
    Queued,
    /// A worker processes it.
    Processing,
    Done,
}

/// The number of orders in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct OrderCounts {
    pub(crate) stored: i64,
    pub(crate) queued: i64,
    pub(crate) processing: i64,
    pub(crate) done: i64,
}

impl NewOrder {
    const LONGEST_ITEM: usize = 200;
    const MOST: i32 = 10_000;

    /// Validates the order. The error is the text for the client.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.item.trim().is_empty() || self.item.len() > Self::LONGEST_ITEM {
            Err(format!("`item` must be 1 to {} bytes long, and not blank", Self::LONGEST_ITEM))
        } else if !(1..=Self::MOST).contains(&self.quantity) {
            Err(format!("`quantity` must be 1 to {}", Self::MOST))
        } else if self.item.contains('\0') {
            Err("`item` must not contain a NUL character".to_owned())
        } else {
            Ok(())
        }
    }
}

impl OrderState {
    /// Returns the name in the table and in responses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Done => "done",
        }
    }
}

impl OrderCounts {
    /// Sets the count of one state from the table.
    pub(crate) fn set(&mut self, state: &str, count: i64) {
        match state {
            "stored" => self.stored = count,
            "queued" => self.queued = count,
            "processing" => self.processing = count,
            "done" => self.done = count,
            other => tracing::warn!(state = other, count, "orders in an unknown state"),
        }
    }
}

/// Accepts orders: stores each, and pushes a job for it. Cheap to clone.
///
/// The table is the outbox. An order that is stored is accepted. While the queue does not respond, the order stays `stored`.
/// [`catch_up`](Self::catch_up) pushes it when the queue responds again; the next start does so if the process died before.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    store: Store,
    queue: AnyQueue,
    /// The queue did not respond, and has not responded since.
    away: Arc<AtomicBool>,
}

/// An order to accept, and the channel for the reply.
///
/// A worker of a pool accepts it, not the request's handler. A handler is dropped when its client disconnects. Between the
/// insert and the push, that would leave the order without a job until the next start. A pool runs each item to its end.
#[derive(Debug)]
pub(crate) struct IntakeRequest {
    pub(crate) order: NewOrder,
    /// Receives the reply when the order is stored, and its job is in the queue or the queue does not respond.
    pub(crate) reply: oneshot::Sender<Result<AcceptedOrder, StoreError>>,
}

/// An accepted order.
#[derive(Debug)]
pub(crate) struct AcceptedOrder {
    pub(crate) id: String,
    /// Queued, or stored if the queue does not respond.
    pub(crate) state: OrderState,
}

/// The timeout of a push. A client waits for it, and the order is stored before it; a busy database may need a second.
const PUSH_TIMEOUT: Duration = Duration::from_secs(5);

impl Intake {
    pub(crate) fn new(store: Store, queue: AnyQueue) -> Self {
        Self { store, queue, away: Arc::default() }
    }

    /// Accepts one order. An error is returned to the client and does not stop the service.
    pub(crate) async fn run(self, request: IntakeRequest) -> Result<(), BoxError> {
        let taken = self.take(&request.order).await;
        // The receiver is dropped when the client has disconnected; the order is processed all the same.
        let _ = request.reply.send(taken);
        Ok(())
    }

    /// Pushes the orders that an earlier process stored without recording a push. If the queue does not respond, they stay
    /// stored with later orders.
    ///
    /// If several services share a table, another one may be about to push them. An order then has two jobs, which
    /// is better than none.
    pub(crate) async fn resume(&self) -> Result<(), BoxError> {
        let left = self.store.without_job().await?;
        if !left.is_empty() {
            tracing::warn!(
                orders = left.len(),
                "pushing jobs of stored orders without a job from an earlier run"
            );
        }
        for id in left {
            if self.hand_on(&id).await == OrderState::Stored {
                break;
            }
        }
        Ok(())
    }

    /// Pushes the orders that were stored while the queue did not respond, if it responds now. Ends when the shutdown begins.
    pub(crate) async fn catch_up(self, stop: Stop) -> Result<(), BoxError> {
        if !self.away.load(Ordering::SeqCst) || !self.push_all(&stop).await? {
            return Ok(());
        }
        self.away.store(false, Ordering::SeqCst);
        tracing::info!("queue available again; stored orders are queued");
        // An order that was stored meanwhile was not pushed, and is in the table by now.
        if !self.push_all(&stop).await? {
            self.away.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Pushes all orders without a job, and returns whether all pushes succeeded.
    async fn push_all(&self, stop: &Stop) -> Result<bool, BoxError> {
        for id in self.store.without_job().await? {
            // The shutdown waits for this. The next start pushes the rest, including the order whose push is dropped here.
            let Some(Ok(())) = stop.unless_stopping(self.push(&id)).await else { return Ok(false) };
        }
        Ok(true)
    }

    async fn take(&self, order: &NewOrder) -> Result<AcceptedOrder, StoreError> {
        // Version 7 grows with time: new rows lie side by side in the index.
        let id = Uuid::now_v7().to_string();
        self.store.insert(&id, order).await?;
        tracing::debug!(id, item = order.item, quantity = order.quantity, "order stored");
        let state = self.hand_on(&id).await;
        Ok(AcceptedOrder { id, state })
    }

    /// Pushes the job of a stored order, unless the queue is known not to respond.
    async fn hand_on(&self, id: &str) -> OrderState {
        if self.away.load(Ordering::SeqCst) {
            return OrderState::Stored;
        }
        match self.push(id).await {
            Ok(()) => OrderState::Queued,
            Err(error) => {
                if !self.away.swap(true, Ordering::SeqCst) {
                    let error: &dyn std::error::Error = &*error;
                    tracing::warn!(error, "queue unavailable; orders are stored and queued later");
                }
                OrderState::Stored
            }
        }
    }

    async fn push(&self, id: &str) -> Result<(), BoxError> {
        let pushed = timeout(PUSH_TIMEOUT, self.queue.push(id.as_bytes())).await;
        pushed.map_err(|_| "no response within 5 s")??;
        // The order may be done by now; then it stays done.
        self.store.advance(id, OrderState::Queued).await?;
        Ok(())
    }
}

/// Processes orders. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    store: Store,
    stuck: StuckWorker,
}

/// The duration of the work itself: picking, packing, printing a label.
const WORK: Duration = Duration::from_millis(3);

impl Worker {
    pub(crate) fn new(store: Store, faults: &Faults) -> Self {
        Self { store, stuck: faults.stuck_worker() }
    }

    /// Runs one job: processes the order whose id is its payload. An order that is done already, as after a crash, is unchanged.
    ///
    /// # Errors
    ///
    /// Fails when the database fails, so that the job is retried; permanently when the order does not exist, as when another
    /// service uses the same queue (`--queue-name` separates them).
    pub(crate) async fn run(self, job: Job) -> Result<(), BoxError> {
        let id = str::from_utf8(job.payload()).map_err(Permanent::new)?;
        if !self.store.advance(id, OrderState::Processing).await? {
            return match self.store.find(id).await? {
                Some(_) => Ok(()),
                None => Err(unknown_order(id)),
            };
        }
        self.stuck.wait().await;
        tokio::time::sleep(WORK).await;
        // Two jobs of one order may run concurrently; only the first one moves it to done.
        if self.store.advance(id, OrderState::Done).await? {
            tracing::debug!(id, "order done");
        }
        Ok(())
    }
}

fn unknown_order(id: &str) -> BoxError {
    Permanent::new(format!("order {id} of the job does not exist")).into()
}

fn one() -> i32 {
    1
}
