//! A separate queue for each test, a view of the server over another connection, and a proxy to it that can be disconnected.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ebbtide::Stop;
use ebbtide::queue::{Delivery, Queue as _, Settled, Settlement};
use ebbtide_rabbitmq::{RabbitQueue, RabbitReceipt};
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::unique;

/// The retry delays of all tests, so that their queues can be removed: as requested, and rounded up in milliseconds.
pub(super) const DELAYS: [(Duration, u64); 2] =
    [(Duration::from_millis(300), 320), (Duration::from_millis(1500), 1536)];

/// A unique queue name, and a separate connection to the server.
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

    /// Runs a test on a separate queue and removes its queues afterwards, even if the test fails.
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

    /// Returns the server's address as `host:port`.
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

    /// Returns the number of ready messages in a queue, or `None` if it does not exist.
    pub(super) async fn ready(&self, queue: &str) -> Option<u32> {
        self.look_at(queue).await.map(|queue| queue.message_count())
    }

    /// Waits until the queue has a consumer.
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

    /// Waits until the queue has this many ready messages.
    pub(super) async fn wait_for(&self, ready: u32) {
        while self.ready(&self.name).await != Some(ready) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Removes all messages from a queue and returns them.
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

/// Fetches this many jobs.
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

/// Acknowledges a job and asserts that the consumer still held it.
pub(super) async fn ack(queue: &RabbitQueue, delivery: &Delivery<RabbitReceipt>) {
    assert_eq!(settle(queue, delivery, Settlement::Ack).await, Settled::Done);
}

pub(super) fn retry(after: Duration) -> Settlement {
    Settlement::Retry { after, error: "not yet".to_owned() }
}

/// Returns the payload of a numbered job.
pub(super) fn number(delivery: &Delivery<RabbitReceipt>) -> u32 {
    std::str::from_utf8(&delivery.payload).unwrap().parse().unwrap()
}

/// A proxy between a consumer and the server. It can be disconnected, and can discard what the consumer sends.
pub(super) struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    _task: JoinSet<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    /// Data from the consumer is read and discarded.
    Deaf,
    /// Every connection is closed at once, including new ones.
    Disconnected,
}

impl Wire {
    pub(super) async fn to(broker: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::Whole));
        let mut task = JoinSet::new();
        let heard = Arc::clone(&state);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(carry(client, broker.clone(), heard.subscribe()));
            }
        });
        Self { address, state, _task: task }
    }

    /// Returns the broker's URL through this proxy.
    pub(super) fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address)
    }

    pub(super) fn disconnect(&self) {
        self.state.send_replace(State::Disconnected);
    }

    pub(super) fn go_deaf(&self) {
        self.state.send_replace(State::Deaf);
    }

    pub(super) fn reconnect(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn carry(client: TcpStream, broker: String, mut state: watch::Receiver<State>) {
    if *state.borrow() == State::Disconnected {
        return;
    }
    let broker = TcpStream::connect(broker).await.unwrap();
    client.set_nodelay(true).unwrap();
    broker.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let mut end = state.clone();
    tokio::select! {
        _ = end.wait_for(|state| *state == State::Disconnected) => {}
        () = speak(from_client, to_broker, &mut state) => {}
        () = listen(from_broker, to_client) => {}
    }
}

async fn speak(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &mut watch::Receiver<State>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        // Never resumes: half of one frame followed by the rest of another would be a protocol error.
        if *state.borrow() != State::Whole {
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

async fn listen(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ended = tokio::io::copy(&mut from, &mut to).await;
}
