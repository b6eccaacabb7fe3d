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

/// What the server sends ahead: as many jobs as the consumer has room for, and no more.
///
/// RabbitMQ fixes a consumer's limit when it begins, for those in hand and those sent ahead together. When there is room for
/// more, another consumer with the difference is begun on the same channel.
pub(super) struct Subscription {
    session: Arc<Session>,
    queue: String,
    consumers: Vec<Consumer>,
    limit: u16,
    /// Why nothing more comes. A consumer says it once.
    ended: Option<RabbitQueueError>,
}

impl Subscription {
    pub(super) const fn new(session: Arc<Session>, queue: String) -> Self {
        Self { session, queue, consumers: Vec::new(), limit: 0, ended: None }
    }

    pub(super) const fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Makes the server send up to `max` ahead beside those in hand, if it doesn't yet.
    ///
    /// # Cancel safety
    ///
    /// None: what a consumer is sent whose beginning nobody waited for comes back with the channel's end only.
    pub(super) async fn widen(&mut self, max: usize) -> Result<(), RabbitQueueError> {
        // No limit at all is what RabbitMQ takes zero for.
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

    /// Notes that a consumer has ended: the next [`widen`](Self::widen) begins anew. What is in hand stays on its channel.
    pub(super) fn end(&mut self) {
        self.consumers.clear();
        self.limit = 0;
        self.ended = None;
    }

    /// Waits for the next job.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(super) async fn next(&mut self) -> Result<Delivery, RabbitQueueError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Returns the next job if it is here already. That there will be none is found by the next call of [`next`](Self::next).
    pub(super) async fn ready(&mut self) -> Option<Delivery> {
        poll_fn(|cx| match self.poll_next(cx) {
            Poll::Ready(Ok(delivery)) => Poll::Ready(Some(delivery)),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Ends it and returns what had been sent and not been taken.
    pub(super) async fn cancel(&mut self) -> Result<Vec<Delivery>, RabbitQueueError> {
        let channel = self.session.channel();
        for consumer in &self.consumers {
            let cancelling = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
            answer(|| format!("cancel the subscription to {}", self.queue), cancelling).await?;
        }
        // The server's answer comes behind what it had sent, so that all of it is here.
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
                    // It has died with its channel, and is somebody else's.
                    Some(Ok(delivery)) if delivery.acker.poisoned() => {}
                    Some(Ok(delivery)) => return Poll::Ready(Ok(delivery)),
                    Some(Err(source)) => {
                        let action = format!("consume from {}", self.queue);
                        self.ended = Some(RabbitQueueError::Refused { action, source });
                    }
                    None => {
                        self.ended
                            .get_or_insert_with(|| RabbitQueueError::Ended { queue: self.queue.clone() });
                        break;
                    }
                }
            }
        }
        self.ended.clone().map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}
