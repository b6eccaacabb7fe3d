//! What a delivery is settled by, and how it is settled.

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

/// How long it may take to hand a job back with its attempts counted right. A stop has little time, and a server that takes
/// nothing new takes back what it had.
const REQUEUE_PATIENCE: Duration = Duration::from_secs(1);

/// What a delivery of RabbitMQ is settled by: it belongs to the channel that it came by, and is lost with it.
#[derive(Clone)]
pub struct RabbitReceipt {
    pub(super) held: Arc<InFlightJob>,
}

impl RabbitReceipt {
    pub(super) fn new(session: &Arc<Session>, delivery: &Delivery) -> Self {
        session.gives_out();
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
    /// The connection ends with its consumer, whoever still has a receipt.
    session: Weak<Session>,
    /// Its number on the channel.
    pub(super) tag: u64,
    pub(super) message: Message,
    /// InFlightJob by whoever settles it.
    pub(super) settling: tokio::sync::Mutex<()>,
    /// What was said of it, from when that cannot be taken back any more.
    said: Mutex<Option<Verb>>,
}

impl InFlightJob {
    /// The connection that it came by, if that is alive: what came by another one is lost.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.upgrade().filter(|session| session.is_alive())
    }

    pub(super) fn is_lost(&self) -> bool {
        self.session().is_none()
    }

    pub(super) fn said(&self) -> Option<Verb> {
        *self.lock()
    }

    /// Sets what is said from now on, and returns whether nothing was before.
    pub(super) fn say(&self, verb: Verb) -> bool {
        let is_first = self.lock().replace(verb).is_none();
        if is_first && let Some(session) = self.session.upgrade() {
            session.has_heard();
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

/// What can be said of a delivery.
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

/// Says what becomes of a delivery, and returns when the server has dealt with it.
///
/// Whatever is more than an acknowledgement is another message for the same job: it is stored before this one is
/// acknowledged, so that a crash in between doubles the job and doesn't lose it.
///
/// # Invariants
///
/// 1. One caller is in here for each delivery.
/// 2. What is said of it is set when the acknowledgement is put in line, behind the other message's confirmation: what is
///    said twice is done once, and something else that is said later does nothing at all.
/// 3. The barrier comes behind the acknowledgement on the same channel, also when it was put in line by an earlier call
///    that nobody waited for.
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
        // What is seldom said is boxed, and so no part of every job's future.
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
            session.is_in_line(held.tag);
            None
        }
    };
    match session.settle(ack).await {
        Ok(()) => Ok(Settled::Done),
        Err(_) if held.is_lost() => Ok(Settled::Lost),
        Err(error) => Err(error),
    }
}

/// Puts a job back, by another message or, where that takes too long, by this one: then it is said by now.
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

/// Puts a job back with the attempts that are known of by now, and returns whether it did.
pub(super) async fn return_to_queue(held: &Arc<InFlightJob>, publisher: &Publisher) -> bool {
    let _alone = held.settling.lock().await;
    if publish(held, &Settlement::Requeue, publisher).await.is_err() {
        return false;
    }
    if let Some(session) = held.session() {
        // Where it is not told any more, the connection is gone, and the job comes twice.
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
