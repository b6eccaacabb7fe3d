use std::time::Duration;

use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::time::timeout;

use super::RabbitQueueError;
use super::answer::answer;
use super::delay::Delay;
use super::message::Reason;
use super::publisher::{Publisher, Target};
use super::receipt::{Held, Verb};
use crate::queue::{Settled, Settlement};

/// How long it may take to hand a job back with its attempts counted right. A stop has little time, and a server that takes
/// nothing new takes back what it had.
const HAND_BACK_PATIENCE: Duration = Duration::from_secs(1);

/// Says what becomes of a delivery, and returns when the server has dealt with it.
///
/// Whatever is more than an acknowledgement is another message for the same job: it is stored before this one is
/// acknowledged, so that a crash in between doubles the job and doesn't lose it.
///
/// # Invariants
///
/// 1. One caller is in here for each delivery.
/// 2. `said` is set when the acknowledgement is put in line, behind the other message's confirmation: what is said twice
///    is done once, and something else that is said later does nothing at all.
/// 3. The barrier comes behind the acknowledgement on the same channel, also when it was put in line by an earlier call
///    that nobody waited for.
pub(super) async fn settle(
    held: &Held,
    settlement: &Settlement,
    publisher: &Publisher,
) -> Result<Settled, RabbitQueueError> {
    let verb = Verb::of(settlement);
    let mut said = held.said.lock().await;
    if held.is_lost() || said.is_some_and(|before| before != verb) {
        return Ok(Settled::Lost);
    }
    let mut how = None;
    if said.is_none() {
        // What is seldom said is boxed, and so no part of every job's future.
        let publishing = || Box::pin(publish(held, settlement, publisher));
        how = Some(match verb {
            Verb::Ack => How::Ack,
            Verb::HandBack => {
                let published = timeout(HAND_BACK_PATIENCE, publishing()).await;
                if matches!(published, Ok(Ok(()))) { How::Ack } else { How::Requeue }
            }
            Verb::Retry | Verb::Bury => {
                publishing().await?;
                How::Ack
            }
        });
    }
    let Some(session) = held.session() else { return Ok(Settled::Lost) };
    let telling = async {
        match how {
            Some(how) => tell(held, &mut said, verb, how).await,
            None => Ok(()),
        }
    };
    // The acknowledgement is in line first; that it has been sent is no news that the barrier would have to wait for.
    let (told, passed) = tokio::join!(biased; telling, session.barrier());
    match told.and(passed) {
        Ok(()) => Ok(Settled::Done),
        Err(_) if held.is_lost() => Ok(Settled::Lost),
        Err(error) => Err(error),
    }
}

/// What the server is told of the message that it had sent.
#[derive(Clone, Copy, Debug)]
enum How {
    Ack,
    Requeue,
}

/// Tells the server, and returns when it is sent.
///
/// # Cancel safety
///
/// It is in line when this was polled once, and before whatever is said on the channel later: it must not be said again.
async fn tell(held: &Held, said: &mut Option<Verb>, verb: Verb, how: How) -> Result<(), RabbitQueueError> {
    let Some(session) = held.session() else { return Ok(()) };
    held.say(said, verb);
    let action = || "settle a job".to_owned();
    match how {
        How::Ack => {
            answer(action, session.channel().basic_ack(held.tag, BasicAckOptions { multiple: false })).await
        }
        How::Requeue => {
            let options = BasicNackOptions { requeue: true, multiple: false };
            answer(action, session.channel().basic_nack(held.tag, options)).await
        }
    }
}

/// Puts a job back with the attempts that are known of by now, and returns whether it did.
pub(super) async fn return_to_queue(held: &Held, publisher: &Publisher) -> bool {
    let mut said = held.said.lock().await;
    if publish(held, &Settlement::HandBack, publisher).await.is_err() {
        return false;
    }
    // Where it is not told any more, the connection is gone, and the job comes twice.
    let _told = tell(held, &mut said, Verb::HandBack, How::Ack).await;
    true
}

async fn publish(
    held: &Held,
    settlement: &Settlement,
    publisher: &Publisher,
) -> Result<(), RabbitQueueError> {
    let message = &held.message;
    let (target, reason) = match settlement {
        Settlement::Ack => return Ok(()),
        Settlement::HandBack => (Target::Queue, Reason::HandedBack),
        Settlement::Retry { after, error } => (later(*after), Reason::Failed(error)),
        Settlement::Bury { error } => (Target::Dead, Reason::Failed(error)),
    };
    publisher.publish(target, message.copy(&reason), &message.payload).await
}

fn later(after: Duration) -> Target {
    Delay::of(after).map_or(Target::Queue, Target::Later)
}

impl Verb {
    const fn of(settlement: &Settlement) -> Self {
        match settlement {
            Settlement::Ack => Self::Ack,
            Settlement::HandBack => Self::HandBack,
            Settlement::Retry { .. } => Self::Retry,
            Settlement::Bury { .. } => Self::Bury,
        }
    }
}
