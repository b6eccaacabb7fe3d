use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ebbtide::adapter::clock;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Semaphore;

use super::RabbitQueueError;
use super::link::{Link, answer};
use super::topology::{Delay, MARGIN, Topology};

/// The maximum number of concurrent publishes; further ones wait.
const CHANNELS: u32 = 32;

/// The destination of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Queue,
    /// The queue, after a delay.
    Later(Delay),
    Dead,
}

/// Publishes over a dedicated connection that is opened when it is needed, and returns when the server has the
/// message.
///
/// Each channel has one message in progress at a time. With several, a message that the server returned could be
/// mistaken for another.
pub(super) struct Publisher {
    link: Link,
    topology: Topology,
    line: tokio::sync::Mutex<Option<Arc<Line>>>,
    turns: Semaphore,
}

struct Line {
    connection: Connection,
    idle: Mutex<Vec<Channel>>,
}

impl Publisher {
    pub(super) fn new(link: Link, topology: Topology) -> Self {
        Self { link, topology, line: tokio::sync::Mutex::new(None), turns: Semaphore::new(CHANNELS as usize) }
    }

    /// Connects and declares the queues, so that a wrong configuration fails now.
    pub(super) async fn open(&self) -> Result<(), RabbitQueueError> {
        self.line().await.map(drop)
    }

    /// Publishes a message and returns when the server has stored it.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message may or may not have been published.
    pub(super) async fn publish(
        &self,
        target: Target,
        properties: BasicProperties,
        payload: &[u8],
    ) -> Result<(), RabbitQueueError> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let line = self.line().await?;
        let channel = line.channel().await?;
        let published = self.publish_over(&channel, target, properties, payload).await;
        match &published {
            Ok(()) => line.idle().push(channel),
            // On a new connection, the queue is declared again.
            Err(RabbitQueueError::Unroutable { .. }) => *self.line.lock().await = None,
            Err(_) => {}
        }
        published
    }

    /// Closes the channels and then the connection when the publishes in progress have ended. A later publish
    /// connects again.
    pub(super) async fn close(&self) -> Result<(), RabbitQueueError> {
        // A stopping consumer closes this while producers continue to push through their clones.
        let _nobody_else = self.turns.acquire_many(CHANNELS).await;
        let Some(line) = self.line.lock().await.take() else { return Ok(()) };
        let idle = std::mem::take(&mut *line.idle());
        for channel in idle.into_iter().filter(|channel| channel.status().connected()) {
            answer(|| "close a channel".to_owned(), channel.close(200, "done".into())).await?;
        }
        if !line.connection.status().connected() {
            return Ok(());
        }
        answer(|| "close the connection".to_owned(), line.connection.close(200, "done".into())).await
    }

    async fn publish_over(
        &self,
        channel: &Channel,
        target: Target,
        properties: BasicProperties,
        payload: &[u8],
    ) -> Result<(), RabbitQueueError> {
        let began = clock::now();
        let queue = match target {
            Target::Queue => self.topology.queue().to_owned(),
            Target::Dead => self.topology.dead(),
            Target::Later(delay) => self.topology.declare_delay(channel, delay).await?,
        };
        let action = || format!("publish to {queue}");
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let name = ShortString::from(queue.as_str());
        let publishing = channel.basic_publish("".into(), name, options, payload, properties);
        let confirmation = answer(action, async { publishing.await?.await }).await?;
        match confirmation {
            Confirmation::Ack(None) => {}
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                return Err(RabbitQueueError::Unroutable { queue });
            }
            Confirmation::Nack(None) | Confirmation::NotRequested => {
                return Err(RabbitQueueError::Rejected { queue });
            }
        }
        // A delay's queue expires when it has not been declared for that delay plus the margin. If this process was
        // suspended here for so long, the message may have been lost with the queue.
        match target {
            Target::Later(_) if began.elapsed() >= MARGIN => {
                Err(RabbitQueueError::Timeout { action: action() })
            }
            _ => Ok(()),
        }
    }

    async fn line(&self) -> Result<Arc<Line>, RabbitQueueError> {
        let mut line = self.line.lock().await;
        if let Some(line) = line.as_ref().filter(|line| line.connection.status().connected()) {
            return Ok(Arc::clone(line));
        }
        let connection = self.link.connect("publisher").await?;
        let made = Arc::new(Line { connection, idle: Mutex::default() });
        let channel = made.channel().await?;
        self.topology.declare(&channel).await?;
        made.idle().push(channel);
        *line = Some(Arc::clone(&made));
        Ok(made)
    }
}

impl Line {
    async fn channel(&self) -> Result<Channel, RabbitQueueError> {
        let idle = self.idle().pop().filter(|channel| channel.status().connected());
        if let Some(channel) = idle {
            return Ok(channel);
        }
        let action = || "open a channel".to_owned();
        let channel = answer(action, self.connection.create_channel()).await?;
        answer(action, channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(channel)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
