use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, Message};
use ebbtide::BoxError;
use ebbtide_nats::NatsQueue;
use futures_util::TryStreamExt as _;

use super::broker::{Broker, ByHand, Confirmed, Work, own_name, server};

/// So many are on their way into the stream at once.
const FILLING: usize = 500;

/// A stream of its own.
pub(super) struct Nats {
    name: String,
    context: jetstream::Context,
    queue: NatsQueue,
}

impl Broker for Nats {
    type Queue = NatsQueue;

    async fn filled(jobs: u32) -> Result<Self, BoxError> {
        let (name, url) = (own_name(), server("EBBTIDE_TEST_NATS", "nats://127.0.0.1:4222"));
        let context = jetstream::new(async_nats::connect(&url).await?);
        let queue = NatsQueue::builder(&name).url(url).open().await?;
        for begin in (0..jobs).step_by(FILLING) {
            let mut stored = Vec::with_capacity(FILLING);
            for _ in begin..jobs.min(begin + u32::try_from(FILLING)?) {
                stored.push(context.publish(name.clone(), "".into()).await?);
            }
            for stored in stored {
                stored.await?;
            }
        }
        Ok(Self { name, context, queue })
    }

    fn queue(&self) -> NatsQueue {
        self.queue.clone()
    }

    async fn by_hand(&self, work: &Work, places: usize, confirmed: Confirmed) -> Result<(), BoxError> {
        let consumer = self.context.get_consumer_from_stream(&self.name, &self.name).await?;
        Pulling { consumer, confirmed }.work_off(work, places).await
    }

    async fn left(&self) -> Result<u64, BoxError> {
        let consumer: PullConsumer = self.context.get_consumer_from_stream(&self.name, &self.name).await?;
        let info = consumer.cached_info();
        Ok(info.num_pending + u64::try_from(info.num_ack_pending)?)
    }

    async fn remove(self) -> Result<(), BoxError> {
        self.context.delete_stream(&self.name).await?;
        self.context.delete_stream(format!("{}-dead", self.name)).await?;
        Ok(())
    }
}

#[derive(Clone)]
struct Pulling {
    consumer: PullConsumer,
    confirmed: Confirmed,
}

impl ByHand for Pulling {
    type Job = Message;

    async fn take(&mut self, max: usize) -> Result<Vec<Message>, BoxError> {
        let batch = self.consumer.batch().max_messages(max).expires(Duration::from_secs(1)).messages();
        batch.await?.try_collect().await
    }

    async fn ack(self, job: Message) -> Result<(), BoxError> {
        match self.confirmed {
            Confirmed::Yes => job.double_ack().await,
            Confirmed::No => job.ack().await,
        }
    }
}
