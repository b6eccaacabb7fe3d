use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use ebbtide::adapter::Combiner;
use lapin::Channel;
use lapin::options::{BasicAckOptions, ChannelFlowOptions};
use tokio::sync::Semaphore;

use super::RabbitQueueError;
use super::link::answer;
use super::settle::{InFlightJob, Verb};
use super::settled_tags::{SettledTags, Word};

/// The maximum number of commands in progress.
const TURNS: usize = 4;

/// Acknowledges deliveries, and waits until the server has processed all earlier commands of the channel.
///
/// AMQP has no response to an acknowledgement. But a channel's commands are processed in order, so the response to a
/// later command confirms an earlier one. `channel.flow` with the current state is a command without any other
/// effect. Concurrent callers share one command, and also one acknowledgement if their delivery tags are adjacent.
///
/// # Invariants
///
/// 1. A caller passes only by the response to a command that was sent after its call: a command covers the callers
///    that wait when it is sent.
/// 2. A delivery is acknowledged once. Its settlement is set in the same poll that queues the acknowledgement.
/// 3. A queued settlement is confirmed by the next response to any command after it, also if the command that was
///    sent with it had no response, or its caller was dropped.
#[derive(Debug)]
pub(super) struct Barrier {
    waiting: Combiner<Option<Ack>, (), RabbitQueueError>,
    turns: Semaphore,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    settled: SettledTags,
    /// The settlements of these are queued: the response to the next command confirms them.
    in_line: Vec<u64>,
}

/// The deliveries that the response to a command confirms. If it is dropped without the response, the next command
/// covers them.
#[derive(Debug)]
struct Covered<'a> {
    barrier: &'a Barrier,
    tags: Vec<u64>,
}

/// The acknowledgement of a delivery, and its effect on the job.
#[derive(Clone, Debug)]
pub(super) struct Ack {
    pub(super) held: Arc<InFlightJob>,
    pub(super) verb: Verb,
}

impl Barrier {
    pub(super) fn new() -> Self {
        Self { waiting: Combiner::default(), turns: Semaphore::new(TURNS), known: Mutex::default() }
    }

    /// Returns when the delivery is acknowledged, if one is given, and the server has processed this caller's earlier
    /// commands.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the delivery is acknowledged only if that was queued by then: see
    /// [`InFlightJob::said`]. The other waiting callers send a separate command.
    pub(super) async fn pass(&self, channel: &Channel, ack: Option<Ack>) -> Result<(), RabbitQueueError> {
        self.waiting.submit(ack, &self.turns, |waiting| self.send(channel, waiting)).await
    }

    /// Notes that the settlement of a delivery is queued.
    pub(super) fn note_settlement_queued(&self, tag: u64) {
        self.known().in_line.push(tag);
    }

    async fn send(&self, channel: &Channel, waiting: Vec<Option<Ack>>) -> Result<Vec<()>, RabbitQueueError> {
        let acks = waiting.iter().flatten();
        let tags: Vec<u64> = acks.filter(|ack| ack.held.say(ack.verb)).map(|ack| ack.held.tag).collect();
        let words = self.known().settled.words(tags.clone());
        let covered = self.cover(tags);
        let acking = words.into_iter().map(|Word { tag, multiple }| {
            let sent = channel.basic_ack(tag, BasicAckOptions { multiple });
            Box::pin(answer(|| "settle a job".to_owned(), sent))
        });
        let flowing = channel.channel_flow(ChannelFlowOptions { active: true });
        let flowing = answer(|| "confirm that RabbitMQ settled the job".to_owned(), flowing);
        // The acknowledgements are queued first. Waiting until they were sent would delay the command without a gain.
        let (acked, flowed) = tokio::join!(biased; all(acking.collect()), flowing);
        acked.and(flowed)?;
        covered.confirm_settled();
        Ok(vec![(); waiting.len()])
    }

    /// Takes the queued settlements, beside these, for a command that follows all of them.
    fn cover(&self, mut tags: Vec<u64>) -> Covered<'_> {
        tags.append(&mut self.known().in_line);
        Covered { barrier: self, tags }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // The data is valid after each statement that changes it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Covered<'_> {
    fn confirm_settled(mut self) {
        let tags = std::mem::take(&mut self.tags);
        self.barrier.known().settled.note(tags);
    }
}

impl Drop for Covered<'_> {
    fn drop(&mut self) {
        if !self.tags.is_empty() {
            self.barrier.known().in_line.append(&mut self.tags);
        }
    }
}

/// Polls all futures in order, until all have ended or one has failed.
async fn all<T, E>(mut running: Vec<Pin<Box<impl Future<Output = Result<T, E>>>>>) -> Result<(), E> {
    poll_fn(|cx| {
        let mut failed = None;
        running.retain_mut(|one| match one.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(_)) => false,
            Poll::Ready(Err(error)) => {
                failed.get_or_insert(error);
                false
            }
        });
        match failed {
            Some(error) => Poll::Ready(Err(error)),
            None if running.is_empty() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_settlement_is_confirmed_by_the_next_response() {
        let barrier = Barrier::new();
        let words = |tags| barrier.known().settled.words(tags);
        let several = [Word { tag: 6, multiple: true }];
        barrier.note_settlement_queued(1);
        // A command whose leader is dropped, and one without a response.
        drop(barrier.cover(vec![2, 3]));
        drop(barrier.cover(vec![4]));
        assert_ne!(words(vec![5, 6]), several, "not known yet");
        let answered = barrier.cover(Vec::new());
        barrier.note_settlement_queued(8);
        answered.confirm_settled();
        assert_eq!(words(vec![5, 6]), several);
        assert_eq!(
            words(vec![7, 9]),
            [Word { tag: 7, multiple: false }, Word { tag: 9, multiple: false }],
            "8 is not known"
        );
        assert_eq!(barrier.known().in_line, [8]);
    }
}
