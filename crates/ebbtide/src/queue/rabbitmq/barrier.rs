use std::sync::atomic::{AtomicU64, Ordering};

use lapin::Channel;
use lapin::options::ChannelFlowOptions;
use tokio::sync::Mutex;

use super::RabbitQueueError;
use super::answer::answer;

/// Waits until the server has dealt with all that was said on a channel before.
///
/// AMQP has no answer to an acknowledgement. But a channel's commands are dealt with in their order, so the answer to a
/// later one says that an earlier one was done. `channel.flow` with what is so already is the one that does nothing. Those
/// who wait at the same time share one.
///
/// # Invariants
///
/// 1. Who passes had asked before the command was sent whose answer lets them pass: `covers` is read before it is sent.
/// 2. One command is under way at a time.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    asked: AtomicU64,
    /// Up to which of those who asked an answer has come.
    passed: Mutex<u64>,
}

impl Barrier {
    /// Returns when what this caller has said on the channel is done.
    ///
    /// # Cancel safety
    ///
    /// The others who wait send a command of their own.
    pub(super) async fn pass(&self, channel: &Channel) -> Result<(), RabbitQueueError> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut passed = self.passed.lock().await;
        if *passed >= number {
            return Ok(());
        }
        let covers = self.asked.load(Ordering::SeqCst);
        let flowing = channel.channel_flow(ChannelFlowOptions { active: true });
        answer(|| "wait until RabbitMQ has settled the job".to_owned(), flowing).await?;
        *passed = covers;
        Ok(())
    }
}
