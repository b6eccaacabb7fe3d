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

/// So many commands are under way at a time.
const TURNS: usize = 4;

/// Acknowledges, and waits until the server has dealt with all that was said on a channel before.
///
/// AMQP has no answer to an acknowledgement. But a channel's commands are dealt with in their order, so the answer to a
/// later one says that an earlier one was done. `channel.flow` with what is so already is the one that does nothing. Those
/// who come at the same time share one, and an acknowledgement as well where their deliveries are next to each other.
///
/// # Invariants
///
/// 1. Who passes had asked before the command was sent whose answer lets them pass: it is sent for those who wait by then.
/// 2. A delivery is acknowledged once. What is said of it is set in the same poll that puts the acknowledgement in line.
/// 3. What is in line is known to be settled with the next answer to a command behind it, whichever that is: also when the
///    command that was sent with it had no answer, or nobody waited for it.
#[derive(Debug)]
pub(super) struct Barrier {
    waiting: Combiner<Option<Ack>, (), RabbitQueueError>,
    turns: Semaphore,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    settled: SettledTags,
    /// What was said of these is in line: the answer to the next command says that they are settled.
    in_line: Vec<u64>,
}

/// The deliveries of which the answer to a command says that they are settled. Dropped without it, they are the next one's.
#[derive(Debug)]
struct Covered<'a> {
    barrier: &'a Barrier,
    tags: Vec<u64>,
}

/// The acknowledgement of a delivery, and what it means for its job.
#[derive(Clone, Debug)]
pub(super) struct Ack {
    pub(super) held: Arc<InFlightJob>,
    pub(super) verb: Verb,
}

impl Barrier {
    pub(super) fn new() -> Self {
        Self { waiting: Combiner::default(), turns: Semaphore::new(TURNS), known: Mutex::default() }
    }

    /// Returns when the delivery is acknowledged, where there is one, and what this caller has said on the channel is done.
    ///
    /// # Cancel safety
    ///
    /// What is not in line by then is not said: [`InFlightJob::said`] tells. The others who wait send a command of their own.
    pub(super) async fn pass(&self, channel: &Channel, ack: Option<Ack>) -> Result<(), RabbitQueueError> {
        self.waiting.submit(ack, &self.turns, |waiting| self.send(channel, waiting)).await
    }

    /// Notes that something is in line that settles a delivery.
    pub(super) fn is_in_line(&self, tag: u64) {
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
        // The acknowledgements are in line first; that they have been sent is no news that the command would have to wait for.
        let (acked, flowed) = tokio::join!(biased; all(acking.collect()), flowing);
        acked.and(flowed)?;
        covered.are_settled();
        Ok(vec![(); waiting.len()])
    }

    /// Takes what is in line, beside these, for a command that comes behind all of it.
    fn cover(&self, mut tags: Vec<u64>) -> Covered<'_> {
        tags.append(&mut self.known().in_line);
        Covered { barrier: self, tags }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is known is true after each statement that changes it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Covered<'_> {
    fn are_settled(mut self) {
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

/// Polls all of them in their order, until they have ended or one has failed.
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
    fn what_had_no_answer_is_settled_with_the_next_that_there_is() {
        let barrier = Barrier::new();
        let words = |tags| barrier.known().settled.words(tags);
        let several = [Word { tag: 6, multiple: true }];
        barrier.is_in_line(1);
        // A command whose leader is dropped, and one that is not answered.
        drop(barrier.cover(vec![2, 3]));
        drop(barrier.cover(vec![4]));
        assert_ne!(words(vec![5, 6]), several, "not known yet");
        let answered = barrier.cover(Vec::new());
        barrier.is_in_line(8);
        answered.are_settled();
        assert_eq!(words(vec![5, 6]), several);
        assert_eq!(
            words(vec![7, 9]),
            [Word { tag: 7, multiple: false }, Word { tag: 9, multiple: false }],
            "8 is not known"
        );
        assert_eq!(barrier.known().in_line, [8]);
    }
}
