//! What an order is, how it is taken in, and how it is worked off.

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

/// What a customer sends.
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

/// How far an order is. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderState {
    /// It is in the table, and whether it has a job is unknown.
    Stored,
    /// It has a job in the queue.
    Queued,
    /// A worker has it.
    Processing,
    Done,
}

/// How many orders there are in each state.
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

    /// Says what is wrong with the order, in words for the customer.
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
    /// Returns the name in the table and in answers.
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
    /// Takes the count of one state from the table.
    pub(crate) fn set(&mut self, state: &str, count: i64) {
        match state {
            "stored" => self.stored = count,
            "queued" => self.queued = count,
            "processing" => self.processing = count,
            "done" => self.done = count,
            other => tracing::warn!(state = other, count, "orders in a state that is not ours"),
        }
    }
}

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
pub(crate) struct IntakeRequest {
    pub(crate) order: NewOrder,
    /// Told when the order is stored, and its job is in the queue or the queue does not answer.
    pub(crate) reply: oneshot::Sender<Result<AcceptedOrder, StoreError>>,
}

/// An order that was taken in.
#[derive(Debug)]
pub(crate) struct AcceptedOrder {
    pub(crate) id: String,
    /// Queued, or stored where the queue does not answer.
    pub(crate) state: OrderState,
}

/// How long a push may take. A client waits for it, and the order is safe before it; a busy database may need a second.
const PUSH_PATIENCE: Duration = Duration::from_secs(5);

impl Intake {
    pub(crate) fn new(store: Store, queue: AnyQueue) -> Self {
        Self { store, queue, away: Arc::default() }
    }

    /// Takes one in. What goes wrong is the client's to know, and no reason to stop.
    pub(crate) async fn run(self, request: IntakeRequest) -> Result<(), BoxError> {
        let taken = self.take(&request.order).await;
        // Nobody listens when the client has hung up; the order is worked off all the same.
        let _ = request.reply.send(taken);
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
            if self.hand_on(&id).await == OrderState::Stored {
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

    async fn take(&self, order: &NewOrder) -> Result<AcceptedOrder, StoreError> {
        // Version 7 grows with time: new rows lie side by side in the index.
        let id = Uuid::now_v7().to_string();
        self.store.insert(&id, order).await?;
        tracing::debug!(id, item = order.item, quantity = order.quantity, "order stored");
        let state = self.hand_on(&id).await;
        Ok(AcceptedOrder { id, state })
    }

    /// Pushes the job of an order that is stored, unless the queue is known not to answer.
    async fn hand_on(&self, id: &str) -> OrderState {
        if self.away.load(Ordering::SeqCst) {
            return OrderState::Stored;
        }
        match self.push(id).await {
            Ok(()) => OrderState::Queued,
            Err(error) => {
                if !self.away.swap(true, Ordering::SeqCst) {
                    let error: &dyn std::error::Error = &*error;
                    tracing::warn!(error, "the queue does not answer: orders are stored, and queued later");
                }
                OrderState::Stored
            }
        }
    }

    async fn push(&self, id: &str) -> Result<(), BoxError> {
        let pushed = timeout(PUSH_PATIENCE, self.queue.push(id.as_bytes())).await;
        pushed.map_err(|_| "no answer within 5s")??;
        // It may be done by now: then it stays so.
        self.store.advance(id, OrderState::Queued).await?;
        Ok(())
    }
}

/// Works orders off. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    store: Store,
    stuck: StuckWorker,
}

/// What the work itself takes: picking, packing, printing a label.
const WORK: Duration = Duration::from_millis(3);

impl Worker {
    pub(crate) fn new(store: Store, faults: &Faults) -> Self {
        Self { store, stuck: faults.stuck_worker() }
    }

    /// Does one job: works off the order whose id it brings. One that is done already, as after a crash, is left alone.
    ///
    /// # Errors
    ///
    /// When the database fails, so that the job comes again; for good, when there is no such order.
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
        // Of two jobs for one order, side by side, one gets here first.
        if self.store.advance(id, OrderState::Done).await? {
            tracing::debug!(id, "order done");
        }
        Ok(())
    }
}

fn unknown_order(id: &str) -> BoxError {
    let hint = "does another service use the queue? give each its own with --queue-name";
    Permanent::new(format!("there is no order {id}: {hint}")).into()
}

fn one() -> i32 {
    1
}
