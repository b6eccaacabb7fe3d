//! A unique queue name in Redis, and a proxy to the server that can be delayed or disconnected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ebbtide_redis::{RedisBuilder, RedisQueue};
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::unique;

/// The default consumer group of a queue.
pub(super) const GROUP: &str = "workers";

/// A unique queue name in Redis. Its keys are deleted on drop.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) url: String,
}

impl Place {
    pub(super) fn new() -> Self {
        Self::at(std::env::var("EBBTIDE_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned()))
    }

    pub(super) fn at(url: String) -> Self {
        Self { name: format!("ebbtide-test-{}", unique()), url }
    }

    pub(super) fn builder(&self) -> RedisBuilder {
        RedisQueue::builder(&self.name).url(&self.url)
    }

    /// Opens a consumer with the default lease, which does not expire during a test.
    pub(super) async fn open(&self) -> RedisQueue {
        self.builder().open().await.unwrap()
    }

    /// Opens a consumer with a short lease.
    pub(super) async fn open_short(&self, lease: Duration) -> RedisQueue {
        self.builder().lease(lease).open().await.unwrap()
    }

    /// Opens a separate connection, to inspect the server.
    pub(super) async fn connection(&self) -> MultiplexedConnection {
        redis::Client::open(&*self.url).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// Returns the number of pending deliveries of all consumers.
    pub(super) async fn pending(&self) -> u64 {
        let mut command = redis::cmd("XPENDING");
        let (pending, ..): (u64, redis::Value, redis::Value, redis::Value) =
            command.arg(&self.name).arg(GROUP).query_async(&mut self.connection().await).await.unwrap();
        pending
    }

    /// Waits until this many connections are blocked in a read. On a shared server, those of other tests count too.
    pub(super) async fn wait_for_blocked(&self, count: u64) {
        let connection = self.connection().await;
        while info(&connection, "clients", "blocked_clients:").await < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Returns the names of the consumers in the group.
    pub(super) async fn consumers(&self) -> Vec<String> {
        let mut command = redis::cmd("XINFO");
        let command = command.arg("CONSUMERS").arg(&self.name).arg(GROUP);
        let consumers: Vec<BTreeMap<String, redis::Value>> =
            command.query_async(&mut self.connection().await).await.unwrap();
        let name =
            |consumer: &BTreeMap<String, redis::Value>| redis::from_redis_value(consumer["name"].clone());
        consumers.iter().map(|consumer| name(consumer).unwrap()).collect()
    }

    /// Returns the fields of the dead-lettered jobs.
    pub(super) async fn dead_lettered(&self) -> Vec<BTreeMap<String, Vec<u8>>> {
        let mut command = redis::cmd("XRANGE");
        let command = command.arg(format!("{}:dead", self.name)).arg("-").arg("+");
        let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> =
            command.query_async(&mut self.connection().await).await.unwrap();
        entries.into_iter().map(|(_id, fields)| fields).collect()
    }
}

/// Returns a number from the server's `INFO`.
pub(super) async fn info(connection: &MultiplexedConnection, section: &str, name: &str) -> u64 {
    let mut command = redis::cmd("INFO");
    let text: String = command.arg(section).query_async(&mut connection.clone()).await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |rest| rest.split([',', '\r']).next().unwrap().parse().unwrap())
}

impl Drop for Place {
    fn drop(&mut self) {
        // A server that the test started may have exited, with all its data.
        if let Ok(mut connection) = redis::Client::open(&*self.url).and_then(|client| client.get_connection())
        {
            let keys = ["", ":delayed", ":dead"].map(|end| format!("{}{end}", self.name));
            let _deleted = redis::cmd("DEL").arg(&keys).query::<u64>(&mut connection);
        }
    }
}

/// A proxy to a server. It can switch to another server, and can delay or discard data.
///
/// Each change affects existing connections only; new ones work normally.
pub(super) struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    server: String,
    /// The number of the next connection.
    next: u64,
    /// Connections with lower numbers pass no requests, no responses, or are closed.
    questions_from: u64,
    answers_from: u64,
    connected_from: u64,
    /// The number of connection directions that hold data back.
    waiting: u64,
    /// The number of open connections.
    open: u64,
}

impl Wire {
    /// Opens a proxy to the server of a URL.
    pub(super) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (next, questions_from, answers_from, connected_from, waiting, open) = Default::default();
        let server = host(url);
        let state = State { server, next, questions_from, answers_from, connected_from, waiting, open };
        let state = Arc::new(watch::Sender::new(state));
        let (mut task, heard) = (JoinSet::new(), Arc::clone(&state));
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (mut number, mut server) = (0, String::new());
                heard.send_modify(|state| {
                    number = state.next;
                    state.next += 1;
                    state.open += 1;
                    server.clone_from(&state.server);
                });
                let state = Arc::clone(&heard);
                connections.spawn(async move {
                    carry(number, client, &server, &state).await;
                    state.send_modify(|state| state.open -= 1);
                });
            }
        });
        Self { address, state, _task: task }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Directs new connections to another server.
    pub(super) fn lead_to(&self, url: &str) {
        self.state.send_modify(|state| state.server = host(url));
    }

    /// Holds back requests.
    pub(super) fn hold_questions(&self) {
        self.state.send_modify(|state| state.questions_from = state.next);
    }

    /// Holds back responses.
    pub(super) fn hold_answers(&self) {
        self.state.send_modify(|state| state.answers_from = state.next);
    }

    /// Waits until data is held back.
    pub(super) async fn holds_something(&self) {
        self.state.subscribe().wait_for(|state| state.waiting > 0).await.unwrap();
    }

    /// Forwards the data that was held back.
    pub(super) fn release(&self) {
        self.state.send_modify(|state| (state.questions_from, state.answers_from) = (0, 0));
    }

    /// Closes the connections and discards the data on them.
    pub(super) fn disconnect(&self) {
        self.state.send_modify(|state| (state.connected_from, state.waiting) = (state.next, 0));
    }

    /// Waits until this many connections are open.
    pub(super) async fn has_open(&self, count: u64) {
        self.state.subscribe().wait_for(|state| state.open == count).await.unwrap();
    }
}

fn host(url: &str) -> String {
    url.trim_start_matches("redis://").trim_end_matches('/').to_owned()
}

async fn carry(number: u64, client: TcpStream, server: &str, state: &Arc<watch::Sender<State>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let gate = |from| Gate { number, state: Arc::clone(state), heard: state.subscribe(), from };
    let questions = pass(from_client, to_server, gate(|state| state.questions_from));
    let answers = pass(from_server, to_client, gate(|state| state.answers_from));
    let mut end = state.subscribe();
    let both = async {
        // The client's end is passed on; the connection is finished when the server has closed it too.
        tokio::join!(questions, answers);
    };
    tokio::select! {
        _ = end.wait_for(|state| state.connected_from > number) => {}
        () = both => {}
    }
}

/// Holds back one direction of a connection.
struct Gate {
    number: u64,
    state: Arc<watch::Sender<State>>,
    heard: watch::Receiver<State>,
    from: fn(&State) -> u64,
}

impl Gate {
    async fn pass(&mut self) {
        let (number, from) = (self.number, self.from);
        let is_open = from(&self.heard.borrow()) <= number;
        if !is_open {
            self.state.send_modify(|state| state.waiting += 1);
            self.heard.wait_for(|state| from(state) <= number).await.unwrap();
            self.state.send_modify(|state| state.waiting = state.waiting.saturating_sub(1));
        }
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: Gate) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        gate.pass().await;
        if to.write_all(&bytes[..length]).await.is_err() {
            break;
        }
    }
    gate.pass().await;
}
