use std::sync::atomic::{AtomicUsize, Ordering};

use lapin::{Channel, Connection};

use super::RabbitQueueError;
use super::answer::answer;
use super::barrier::{Ack, Barrier};
use super::link::Link;
use super::topology::Topology;

/// The connection that jobs come by, and its one channel. What came by it can be settled by it, and by no other.
///
/// Nothing is published here: a server that runs out of memory stops listening to those who publish, and it is
/// the acknowledgements that free its memory.
pub(super) struct Session {
    connection: Connection,
    channel: Channel,
    barrier: Barrier,
    /// How many jobs were given out of which nothing has been said yet.
    in_hand: AtomicUsize,
}

impl Session {
    pub(super) async fn open(link: &Link, topology: &Topology) -> Result<Self, RabbitQueueError> {
        let connection = link.connect("consumer").await?;
        let channel = answer(|| "open a channel".to_owned(), connection.create_channel()).await?;
        topology.declare(&channel).await?;
        Ok(Self { connection, channel, barrier: Barrier::new(), in_hand: AtomicUsize::new(0) })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) fn in_hand(&self) -> usize {
        self.in_hand.load(Ordering::Relaxed)
    }

    pub(super) fn gives_out(&self) {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that something was said of a job, which makes room for another one.
    pub(super) fn has_heard(&self) {
        self.in_hand.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Acknowledges a delivery, where there is one, and returns when the server has dealt with all that was said on the
    /// channel.
    pub(super) async fn settle(&self, ack: Option<Ack>) -> Result<(), RabbitQueueError> {
        self.barrier.pass(&self.channel, ack).await
    }

    /// Notes that something is in line that settles a delivery.
    pub(super) fn is_in_line(&self, tag: u64) {
        self.barrier.is_in_line(tag);
    }

    /// Closes the channel first: its answer says that whatever was unsettled on it is back in its queue.
    pub(super) async fn close(&self) -> Result<(), RabbitQueueError> {
        if !self.is_alive() {
            return Ok(());
        }
        let closing = self.channel.close(200, "the consumer has stopped".into());
        answer(|| "close the channel".to_owned(), closing).await?;
        let closing = self.connection.close(200, "the consumer has stopped".into());
        answer(|| "close the connection".to_owned(), closing).await
    }
}
