use lapin::Channel;
use lapin::options::ChannelFlowOptions;
use tokio::sync::Semaphore;

use super::RabbitQueueError;
use super::answer::answer;
use crate::queue::combiner::Combiner;

/// So many commands are under way at a time.
const TURNS: usize = 4;

/// Waits until the server has dealt with all that was said on a channel before.
///
/// AMQP has no answer to an acknowledgement. But a channel's commands are dealt with in their order, so the answer to a
/// later one says that an earlier one was done. `channel.flow` with what is so already is the one that does nothing. Those
/// who ask at the same time share one.
///
/// # Invariants
///
/// Who passes had asked before the command was sent whose answer lets them pass: it is sent for those who wait by then.
#[derive(Debug)]
pub(super) struct Barrier {
    waiting: Combiner<(), (), RabbitQueueError>,
    turns: Semaphore,
}

impl Barrier {
    pub(super) fn new() -> Self {
        Self { waiting: Combiner::default(), turns: Semaphore::new(TURNS) }
    }

    /// Returns when what this caller has said on the channel is done.
    ///
    /// # Cancel safety
    ///
    /// The others who wait send a command of their own.
    pub(super) async fn pass(&self, channel: &Channel) -> Result<(), RabbitQueueError> {
        let flow = async |waiting: Vec<()>| {
            let flowing = channel.channel_flow(ChannelFlowOptions { active: true });
            answer(|| "wait until RabbitMQ has settled the job".to_owned(), flowing).await?;
            Ok(waiting)
        };
        self.waiting.submit((), &self.turns, flow).await
    }
}
