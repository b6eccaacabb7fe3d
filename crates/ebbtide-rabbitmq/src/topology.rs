//! The queues of RabbitMQ that form one job queue, and the delays of retries.

use std::time::Duration;

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::RabbitQueueError;
use super::link::answer;

/// RabbitMQ's limit is 255 bytes. The queues that belong to a queue have longer names.
const LONGEST_NAME: usize = 200;

/// A quorum queue of RabbitMQ 4 dead-letters a job after 20 deliveries by default. The consumer decides how often a
/// job is tried.
const DELIVERIES: i32 = i32::MAX;

/// The longest queue expiry of RabbitMQ is 2³² − 1 ms. Less [`MARGIN`], this is the longest delay, 49 days.
const LONGEST: u64 = u32::MAX as u64 - MARGIN.as_secs() * 1000;

/// How long a delay queue exists after the last of its jobs is due.
pub(super) const MARGIN: Duration = Duration::from_secs(300);

/// The queues that form one job queue: for waiting jobs, for jobs that wait for a retry, and for dead-lettered jobs.
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

    /// Declares the queue and its dead-letter queue.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), RabbitQueueError> {
        let dead = self.dead();
        self.make(channel, &dead, self.arguments()).await?;
        if self.existing {
            return Ok(());
        }
        let mut arguments = self.arguments();
        // If the broker dead-letters a job for another reason, such as a policy, the job is not lost.
        self.dead_letters(&mut arguments, &dead);
        if self.quorum {
            arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERIES));
        } else {
            // Requeued jobs are delivered first.
            arguments.insert("x-max-priority".into(), AMQPValue::LongInt(1));
        }
        self.make(channel, &self.queue, arguments).await
    }

    /// Declares the queue for a delay, which resets its expiry, and returns its name.
    pub(super) async fn declare_delay(
        &self,
        channel: &Channel,
        delay: Delay,
    ) -> Result<String, RabbitQueueError> {
        let name = format!("{}.retry.{}", self.queue, delay.millis());
        let mut arguments = self.arguments();
        self.dead_letters(&mut arguments, &self.queue);
        arguments.insert("x-message-ttl".into(), long(delay.millis()));
        arguments.insert("x-expires".into(), long(delay.queue_ttl()));
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

    /// Routes the dead-lettered jobs of a queue to another one.
    fn dead_letters(&self, arguments: &mut FieldTable, to: &str) {
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(to));
        if self.quorum {
            // A job leaves this queue only when it is in the other one, and a full queue must not make that
            // impossible.
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
            RabbitQueueError::CommandFailed { source, .. } if is_precondition_failed(&source) => {
                RabbitQueueError::PreconditionFailed { queue: name.to_owned(), source }
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

/// The time before a job is delivered again, in milliseconds: the requested delay, or up to an eighth longer.
///
/// In RabbitMQ, messages expire only at the head of a queue. So each delay needs a separate queue, in which all
/// messages have the same delay. Rounding limits the number of queues: eight between each delay and its double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delay(u64);

impl Delay {
    /// Returns `None` if the delay is zero.
    pub(super) fn of(after: Duration) -> Option<Self> {
        let millis = u64::try_from(after.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(LONGEST);
        let step = 1 << millis.checked_ilog2()?.saturating_sub(3);
        Some(Self(millis.next_multiple_of(step).min(LONGEST)))
    }

    pub(super) const fn millis(self) -> u64 {
        self.0
    }

    /// Returns the expiry of the delay's queue when it is idle.
    pub(super) const fn queue_ttl(self) -> u64 {
        self.0 + MARGIN.as_secs() * 1000
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_delay_is_never_shorter_than_requested_and_at_most_an_eighth_longer() {
        assert_eq!(Delay::of(Duration::ZERO), None);
        assert_eq!(Delay::of(Duration::from_nanos(1)), Some(Delay(1)));
        for asked in (1..100_000).chain([LONGEST / 3, LONGEST]) {
            let millis = Delay::of(Duration::from_millis(asked)).unwrap().millis();
            assert!(asked <= millis && millis <= asked + asked / 8, "{asked} ms became {millis}");
        }
    }

    #[test]
    fn there_are_eight_delays_between_one_and_its_double() {
        let between = |range: std::ops::Range<u64>| {
            let delays: BTreeSet<_> =
                range.map(|asked| Delay::of(Duration::from_millis(asked)).unwrap().millis()).collect();
            delays.len()
        };
        assert_eq!((between(1001..2001), between(60_001..120_001)), (9, 9));
    }

    #[test]
    fn a_delay_beyond_the_limit_becomes_the_longest_delay() {
        let longest = Delay::of(Duration::MAX).unwrap();
        assert_eq!((longest.millis(), longest.queue_ttl()), (LONGEST, u32::MAX.into()));
    }
}
