//! The receipt of a delivery, and its settlement.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ebbtide::queue::{Settled, Settlement};
use lapin::message::Delivery;
use lapin::options::BasicNackOptions;
use tokio::time::timeout;

use super::RabbitQueueError;
use super::barrier::Ack;
use super::link::{Session, answer};
use super::message::{Message, Reason};
use super::publisher::{Publisher, Target};
use super::topology::Delay;

/// How long a requeue with the right attempt count may take. A shutdown has little time, and a server that accepts no
/// new message still accepts the nack of a delivered one.
const REQUEUE_PATIENCE: Duration = Duration::from_secs(1);

/// The receipt of a delivery of RabbitMQ. It belongs to the channel of the delivery, and is lost with it.
#[derive(Clone)]
pub struct RabbitReceipt {
    pub(super) held: Arc<InFlightJob>,
}

impl RabbitReceipt {
    pub(super) fn new(session: &Arc<Session>, delivery: &Delivery) -> Self {
        session.note_delivered();
        let held = InFlightJob {
            session: Arc::downgrade(session),
            tag: delivery.delivery_tag,
            message: Message::of(delivery),
            settling: tokio::sync::Mutex::new(()),
            said: Mutex::new(None),
        };
        Self { held: Arc::new(held) }
    }
}

impl fmt::Debug for RabbitReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.held.message;
        f.debug_struct("RabbitReceipt").field("id", &message.id).field("lost", &self.held.is_lost()).finish()
    }
}

pub(super) struct InFlightJob {
    /// The connection closes with its consumer, even while receipts exist.
    session: Weak<Session>,
    /// The delivery tag on the channel.
    pub(super) tag: u64,
    pub(super) message: Message,
    /// Locked by the caller that settles the job.
    pub(super) settling: tokio::sync::Mutex<()>,
    /// The settlement, once it cannot be revoked.
    said: Mutex<Option<Verb>>,
}

impl InFlightJob {
    /// Returns the connection of the delivery if it is alive. A delivery of another connection is lost.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.upgrade().filter(|session| session.is_alive())
    }

    pub(super) fn is_lost(&self) -> bool {
        self.session().is_none()
    }

    pub(super) fn said(&self) -> Option<Verb> {
        *self.lock()
    }

    /// Sets the settlement. Returns whether there was none before.
    pub(super) fn say(&self, verb: Verb) -> bool {
        let is_first = self.lock().replace(verb).is_none();
        if is_first && let Some(session) = self.session.upgrade() {
            session.note_settled();
        }
        is_first
    }

    fn lock(&self) -> MutexGuard<'_, Option<Verb>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InFlightJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlightJob")
            .field("tag", &self.tag)
            .field("said", &self.said())
            .finish_non_exhaustive()
    }
}

/// A kind of settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Ack,
    Requeue,
    Retry,
    DeadLetter,
}

impl Verb {
    const fn of(settlement: &Settlement) -> Self {
        match settlement {
            Settlement::Ack => Self::Ack,
            Settlement::Requeue => Self::Requeue,
            Settlement::Retry { .. } => Self::Retry,
            Settlement::DeadLetter { .. } => Self::DeadLetter,
        }
    }
}

/// Settles a delivery, and returns when the server has processed it.
///
/// Every settlement except an acknowledgement publishes another message for the same job. That message is stored
/// before the delivery is acknowledged, so a crash in between duplicates the job and does not lose it.
///
/// # Invariants
///
/// 1. At most one caller per delivery is in this function.
/// 2. The settlement is set when the acknowledgement is queued, after the other message was confirmed. The same
///    settlement twice takes effect once. A different later settlement has no effect.
/// 3. The barrier follows the acknowledgement on the same channel, also if an earlier call that was dropped queued
///    it.
pub(super) async fn settle(
    held: &Arc<InFlightJob>,
    settlement: &Settlement,
    publisher: &Publisher,
) -> Result<Settled, RabbitQueueError> {
    let verb = Verb::of(settlement);
    let _alone = held.settling.lock().await;
    let said = held.said();
    if held.is_lost() || said.is_some_and(|before| before != verb) {
        return Ok(Settled::Lost);
    }
    if said.is_none() {
        // Rare settlements are boxed, so that they do not enlarge every job's future.
        match verb {
            Verb::Ack => {}
            Verb::Requeue => Box::pin(requeue(held, publisher)).await?,
            Verb::Retry | Verb::DeadLetter => Box::pin(publish(held, settlement, publisher)).await?,
        }
    }
    let Some(session) = held.session() else { return Ok(Settled::Lost) };
    let ack = match held.said() {
        None => Some(Ack { held: Arc::clone(held), verb }),
        Some(_) => {
            session.note_settlement_queued(held.tag);
            None
        }
    };
    match session.settle(ack).await {
        Ok(()) => Ok(Settled::Done),
        Err(_) if held.is_lost() => Ok(Settled::Lost),
        Err(error) => Err(error),
    }
}

/// Requeues a job by another message or, if that takes too long, by rejecting this one, which then is the settlement.
async fn requeue(held: &InFlightJob, publisher: &Publisher) -> Result<(), RabbitQueueError> {
    let published = timeout(REQUEUE_PATIENCE, publish(held, &Settlement::Requeue, publisher)).await;
    if matches!(published, Ok(Ok(()))) {
        return Ok(());
    }
    let Some(session) = held.session() else { return Ok(()) };
    let requeued = async {
        held.say(Verb::Requeue);
        session.channel().basic_nack(held.tag, BasicNackOptions { requeue: true, multiple: false }).await
    };
    answer(|| "settle a job".to_owned(), requeued).await?;
    Ok(())
}

/// Requeues a job with the attempts that are known now, and returns whether it did.
pub(super) async fn return_to_queue(held: &Arc<InFlightJob>, publisher: &Publisher) -> bool {
    let _alone = held.settling.lock().await;
    if publish(held, &Settlement::Requeue, publisher).await.is_err() {
        return false;
    }
    if let Some(session) = held.session() {
        // If the acknowledgement fails, the connection is lost, and the job is delivered twice.
        let _told = session.settle(Some(Ack { held: Arc::clone(held), verb: Verb::Requeue })).await;
    }
    true
}

async fn publish(
    held: &InFlightJob,
    settlement: &Settlement,
    publisher: &Publisher,
) -> Result<(), RabbitQueueError> {
    let message = &held.message;
    let (target, reason) = match settlement {
        Settlement::Ack => return Ok(()),
        Settlement::Requeue => (Target::Queue, Reason::Requeued),
        Settlement::Retry { after, error } => (later(*after), Reason::Failed(error)),
        Settlement::DeadLetter { error } => (Target::Dead, Reason::Failed(error)),
    };
    publisher.publish(target, message.copy(&reason), &message.payload).await
}

fn later(after: Duration) -> Target {
    Delay::of(after).map_or(Target::Queue, Target::Later)
}
