use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream as _;
use lapin::Consumer;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};

use super::RabbitQueueError;
use super::link::{Session, answer};

/// The deliveries that the server prefetches: as many jobs as the consumer has room for, no more.
///
/// RabbitMQ fixes a consumer's prefetch limit when it begins, for unsettled and prefetched jobs together. When there
/// is room for more, another consumer with the difference is begun on the same channel.
pub(super) struct Subscription {
    session: Arc<Session>,
    queue: String,
    consumers: Vec<Consumer>,
    limit: u16,
    /// Why no more deliveries come. A consumer reports it once.
    ended: Option<RabbitQueueError>,
}

impl Subscription {
    pub(super) const fn new(session: Arc<Session>, queue: String) -> Self {
        Self { session, queue, consumers: Vec::new(), limit: 0, ended: None }
    }

    pub(super) const fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Makes the server prefetch up to `max` jobs beside the unsettled ones, if it does not yet.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: jobs for a consumer whose begin was not awaited are redelivered only when the channel closes.
    pub(super) async fn widen(&mut self, max: usize) -> Result<(), RabbitQueueError> {
        // RabbitMQ treats zero as no limit.
        let wanted = u16::try_from(max.saturating_add(self.session.in_hand())).unwrap_or(u16::MAX).max(1);
        let more = wanted.saturating_sub(self.limit);
        if more == 0 {
            return Ok(());
        }
        let channel = self.session.channel();
        let action = || format!("consume from {}", self.queue);
        answer(action, channel.basic_qos(more, BasicQosOptions { global: false })).await?;
        let queue = ShortString::from(self.queue.as_str());
        let consuming =
            channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default());
        self.consumers.push(answer(action, consuming).await?);
        self.limit = wanted;
        Ok(())
    }

    /// Notes that a consumer has ended: the next [`widen`](Self::widen) begins another one. Unsettled jobs stay on
    /// their channel.
    pub(super) fn end(&mut self) {
        self.consumers.clear();
        self.limit = 0;
        self.ended = None;
    }

    /// Waits for the next job.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Delivery, RabbitQueueError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Returns the next job if it has arrived already. An end of the deliveries is left to the next call of
    /// [`next`](Self::next).
    pub(super) async fn ready(&mut self) -> Option<Delivery> {
        poll_fn(|cx| match self.poll_next(cx) {
            Poll::Ready(Ok(delivery)) => Poll::Ready(Some(delivery)),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Cancels the subscription and returns the prefetched jobs that were not taken.
    pub(super) async fn cancel(&mut self) -> Result<Vec<Delivery>, RabbitQueueError> {
        let channel = self.session.channel();
        for consumer in &self.consumers {
            let cancelling = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
            answer(|| format!("cancel the subscription to {}", self.queue), cancelling).await?;
        }
        // The server's response follows all of its deliveries, so that all of them have arrived.
        let mut left = Vec::new();
        while let Some(delivery) = self.ready().await {
            left.push(delivery);
        }
        Ok(left)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Delivery, RabbitQueueError>> {
        for consumer in &mut self.consumers {
            while let Poll::Ready(said) = Pin::new(&mut *consumer).poll_next(cx) {
                match said {
                    // The channel has closed, and the job will be delivered to another consumer.
                    Some(Ok(delivery)) if delivery.acker.poisoned() => {}
                    Some(Ok(delivery)) => return Poll::Ready(Ok(delivery)),
                    Some(Err(source)) => {
                        let action = format!("consume from {}", self.queue);
                        self.ended = Some(RabbitQueueError::CommandFailed { action, source });
                    }
                    None => {
                        self.ended.get_or_insert_with(|| RabbitQueueError::SubscriptionCancelled {
                            queue: self.queue.clone(),
                        });
                        break;
                    }
                }
            }
        }
        self.ended.clone().map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}
