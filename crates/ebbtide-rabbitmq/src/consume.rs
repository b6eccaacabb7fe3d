use std::sync::Arc;

use ebbtide::BoxError;
use ebbtide::drain::Stop;
use ebbtide::queue::{Delivery, Queue, Settled, Settlement};

use super::RabbitQueueError;
use super::queue::{RabbitQueue, Shared};
use super::receipt::RabbitReceipt;
use super::session::Session;
use super::settle::{return_to_queue, settle};
use super::subscription::Subscription;

impl Queue for RabbitQueue {
    type Receipt = RabbitReceipt;

    async fn fetch(&self, max: usize, stop: &Stop) -> Result<Vec<Delivery<RabbitReceipt>>, BoxError> {
        let shared = &*self.shared;
        let mut place = shared.subscription.lock().await;
        if max == 0 || !shared.subscribe(&mut place, max, stop).await? {
            return Ok(Vec::new());
        }
        let Some(subscription) = place.as_mut() else { return Ok(Vec::new()) };
        loop {
            let Some(first) = stop.unless_stopping(subscription.next()).await else { return Ok(Vec::new()) };
            let first = first.inspect_err(|_| subscription.end())?;
            let mut batch = vec![receipt(subscription, &first)];
            while batch.len() < max
                && let Some(next) = subscription.ready().await
            {
                batch.push(receipt(subscription, &next));
            }
            let batch = shared.count_lapsed(batch, stop).await;
            if !batch.is_empty() {
                return Ok(batch.into_iter().map(delivery).collect());
            }
        }
    }

    async fn settle(&self, receipt: &RabbitReceipt, settlement: Settlement) -> Result<Settled, BoxError> {
        Ok(settle(&receipt.held, &settlement, &self.shared.publisher).await?)
    }

    async fn withdraw(&self) -> Result<Vec<Delivery<RabbitReceipt>>, BoxError> {
        let mut place = self.shared.subscription.lock().await;
        let Some(subscription) = place.as_mut().filter(|subscription| subscription.session().is_alive())
        else {
            return Ok(Vec::new());
        };
        let left = subscription.cancel().await?;
        Ok(left.iter().map(|left| delivery(receipt(subscription, left))).collect())
    }

    async fn close(&self) -> Result<(), BoxError> {
        let subscription = self.shared.subscription.lock().await.take();
        let closed = match &subscription {
            Some(subscription) => subscription.session().close().await,
            None => Ok(()),
        };
        self.shared.publisher.close().await?;
        Ok(closed?)
    }
}

impl Shared {
    /// Makes sure of a subscription that is alive and wide enough; returns whether there is one, or a stop came before.
    async fn subscribe(
        &self,
        place: &mut Option<Subscription>,
        max: usize,
        stop: &Stop,
    ) -> Result<bool, RabbitQueueError> {
        if place.as_ref().is_none_or(|subscription| !subscription.session().is_alive()) {
            *place = None;
            let opening = Session::open(&self.link, &self.topology);
            let Some(session) = stop.unless_stopping(opening).await else { return Ok(false) };
            *place = Some(Subscription::new(Arc::new(session?), self.topology.queue().to_owned()));
        }
        match place {
            Some(subscription) if !stop.is_stopping() => subscription.widen(max).await.map(|()| true),
            _ => Ok(false),
        }
    }

    /// Counts the attempts of those whose consumer said nothing of them: their messages don't, so others do that take their
    /// place, and come by themselves. Returns the jobs that can be given out.
    ///
    /// Where that fails they are given out as they are.
    async fn count_lapsed(&self, batch: Vec<RabbitReceipt>, stop: &Stop) -> Vec<RabbitReceipt> {
        let mut ours = Vec::with_capacity(batch.len());
        for receipt in batch {
            let counts = receipt.held.message.lapsed && !stop.is_stopping();
            if !counts || !return_to_queue(&receipt.held, &self.publisher).await {
                ours.push(receipt);
            }
        }
        ours
    }
}

fn receipt(subscription: &Subscription, delivery: &lapin::message::Delivery) -> RabbitReceipt {
    RabbitReceipt::new(subscription.session(), delivery)
}

fn delivery(receipt: RabbitReceipt) -> Delivery<RabbitReceipt> {
    let message = &receipt.held.message;
    let (id, payload, attempt) = (message.id.clone(), message.payload.clone(), message.attempt);
    Delivery { receipt, id, payload, attempt }
}
