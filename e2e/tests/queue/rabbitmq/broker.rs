use std::time::Duration;

use ebbtide::Stop;
use ebbtide::queue::{Delivery, Queue as _, Settled, Settlement};
use ebbtide_rabbitmq::{RabbitQueue, RabbitReceipt};
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::sleep;

use crate::support::unique;

/// The same delays in all tests, so that what was made for them can be removed: as they are asked for, and as they are.
pub(super) const DELAYS: [(Duration, u64); 2] =
    [(Duration::from_millis(300), 320), (Duration::from_millis(1500), 1536)];

/// A queue's name that nobody else uses, and the server as somebody sees it who looks from outside.
pub(super) struct Broker {
    pub(super) name: String,
    url: String,
    connection: Connection,
}

impl Broker {
    pub(super) async fn new() -> Self {
        let default = || "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned();
        let url = std::env::var("EBBTIDE_TEST_RABBITMQ").unwrap_or_else(|_| default());
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let name = format!("ebbtide.test.{}", unique());
        Self { name, url, connection }
    }

    /// Runs a test over a queue of its own and removes what it leaves, also when it fails.
    pub(super) fn with<T>(test: impl AsyncFnOnce(&Self) -> T) -> T {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let broker = Self::new().await;
            let clean = Clean(&broker);
            let result = test(&broker).await;
            std::mem::forget(clean);
            broker.remove().await;
            result
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// `host:port`, as a relay takes it.
    pub(super) fn address(&self) -> String {
        let (_, rest) = self.url.rsplit_once('@').expect("a URL with a user");
        rest.split('/').next().expect("a host").to_owned()
    }

    pub(super) async fn open(&self) -> RabbitQueue {
        RabbitQueue::builder(&self.name).url(&self.url).open().await.unwrap()
    }

    pub(super) async fn channel(&self) -> Channel {
        self.connection.create_channel().await.unwrap()
    }

    /// How many messages a queue has that no consumer has; none where there is no such queue.
    pub(super) async fn ready(&self, queue: &str) -> Option<u32> {
        self.look_at(queue).await.map(|queue| queue.message_count())
    }

    /// Waits until somebody consumes from the queue.
    pub(super) async fn wait_for_a_consumer(&self) {
        while self.look_at(&self.name).await.is_none_or(|queue| queue.consumer_count() == 0) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn look_at(&self, queue: &str) -> Option<lapin::Queue> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = self.channel().await;
        channel.queue_declare(queue.into(), options, FieldTable::default()).await.ok()
    }

    /// Waits until the queue has so many messages that no consumer has.
    pub(super) async fn wait_for(&self, ready: u32) {
        while self.ready(&self.name).await != Some(ready) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes everything out of a queue.
    pub(super) async fn empty(&self, queue: &str) -> Vec<(BasicProperties, Vec<u8>)> {
        let channel = self.channel().await;
        let mut all = Vec::new();
        while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap() {
            message.ack(BasicAckOptions::default()).await.unwrap();
            all.push((message.delivery.properties, message.delivery.data));
        }
        all
    }

    pub(super) async fn remove(&self) {
        let channel = self.channel().await;
        let retries = DELAYS.map(|(_, millis)| format!("{}.retry.{millis}", self.name));
        for queue in [self.name.clone(), format!("{}.dead", self.name)].into_iter().chain(retries) {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        self.connection.close(200, "done".into()).await.unwrap();
    }
}

/// Removes the queues of a test that panics.
struct Clean<'a>(&'a Broker);

impl Drop for Clean<'_> {
    fn drop(&mut self) {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.0.remove()));
    }
}

/// Fetches until there are so many.
pub(super) async fn take(queue: &RabbitQueue, count: usize) -> Vec<Delivery<RabbitReceipt>> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(queue.fetch(count - taken.len(), &Stop::never()).await.unwrap());
    }
    taken
}

pub(super) async fn take_one(queue: &RabbitQueue) -> Delivery<RabbitReceipt> {
    take(queue, 1).await.remove(0)
}

pub(super) async fn settle(
    queue: &RabbitQueue,
    delivery: &Delivery<RabbitReceipt>,
    settlement: Settlement,
) -> Settled {
    queue.settle(&delivery.receipt, settlement).await.unwrap()
}

/// The job is done, and was ours.
pub(super) async fn ack(queue: &RabbitQueue, delivery: &Delivery<RabbitReceipt>) {
    assert_eq!(settle(queue, delivery, Settlement::Ack).await, Settled::Done);
}

pub(super) fn retry(after: Duration) -> Settlement {
    Settlement::Retry { after, error: "not yet".to_owned() }
}

/// The payload of a numbered job.
pub(super) fn number(delivery: &Delivery<RabbitReceipt>) -> u32 {
    std::str::from_utf8(&delivery.payload).unwrap().parse().unwrap()
}
