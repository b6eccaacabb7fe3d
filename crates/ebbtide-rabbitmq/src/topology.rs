use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::RabbitQueueError;
use super::answer::answer;
use super::delay::Delay;

/// RabbitMQ's limit is 255, and the names of what belongs to a queue are longer than its own.
const LONGEST_NAME: usize = 200;

/// A quorum queue of RabbitMQ 4 gives a job up after 20 deliveries unless it is told otherwise: how often a job is tried is the
/// consumer's affair.
const DELIVERIES: i32 = i32::MAX;

/// The queues that make one: where jobs wait, where those wait whose attempt failed, and where those are that failed for good.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    queue: String,
    quorum: bool,
    existing: bool,
}

impl Topology {
    pub(super) fn new(queue: String, quorum: bool, existing: bool) -> Result<Self, RabbitQueueError> {
        if (1..=LONGEST_NAME).contains(&queue.len()) {
            Ok(Self { queue, quorum, existing })
        } else {
            Err(RabbitQueueError::Name { name: queue })
        }
    }

    pub(super) fn queue(&self) -> &str {
        &self.queue
    }

    pub(super) fn dead(&self) -> String {
        format!("{}.dead", self.queue)
    }

    /// Declares the queue and that of the dead.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), RabbitQueueError> {
        let dead = self.dead();
        self.make(channel, &dead, self.arguments()).await?;
        if self.existing {
            return Ok(());
        }
        let mut arguments = self.arguments();
        // Whatever else makes the broker give up a job, such as a policy, doesn't make it lose it.
        self.dead_letters(&mut arguments, &dead);
        if self.quorum {
            arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERIES));
        } else {
            // Those that were handed back come first.
            arguments.insert("x-max-priority".into(), AMQPValue::LongInt(1));
        }
        self.make(channel, &self.queue, arguments).await
    }

    /// Declares the queue for a delay, which begins its life anew, and returns its name.
    pub(super) async fn declare_delay(
        &self,
        channel: &Channel,
        delay: Delay,
    ) -> Result<String, RabbitQueueError> {
        let name = format!("{}.retry.{}", self.queue, delay.millis());
        let mut arguments = self.arguments();
        self.dead_letters(&mut arguments, &self.queue);
        arguments.insert("x-message-ttl".into(), long(delay.millis()));
        arguments.insert("x-expires".into(), long(delay.handle()));
        self.make(channel, &name, arguments).await?;
        Ok(name)
    }

    fn arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        if self.quorum {
            arguments.insert("x-queue-type".into(), text("quorum"));
        }
        arguments
    }

    /// Sends what a queue gives up to another one.
    fn dead_letters(&self, arguments: &mut FieldTable, to: &str) {
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(to));
        if self.quorum {
            // It is not taken out of this one before it is in that one; which a full queue must not make impossible.
            arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
            arguments.insert("x-overflow".into(), text("reject-publish"));
        }
    }

    async fn make(
        &self,
        channel: &Channel,
        name: &str,
        arguments: FieldTable,
    ) -> Result<(), RabbitQueueError> {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declaring = channel.queue_declare(ShortString::from(name), options, arguments);
        let declared = answer(|| format!("declare {name}"), declaring).await;
        declared.map(drop).map_err(|error| match error {
            RabbitQueueError::Refused { source, .. } if is_precondition_failed(&source) => {
                RabbitQueueError::Different { queue: name.to_owned(), source }
            }
            other => other,
        })
    }
}

fn is_precondition_failed(error: &lapin::Error) -> bool {
    let failed = AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED);
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error) if *error.kind() == failed)
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn long(number: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX))
}
