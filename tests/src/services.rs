//! The addresses of the servers that tests use, from the environment or local by default, and a proxy in front of a server.
#![expect(clippy::panic, clippy::expect_used, reason = "a broken harness fails its test")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

fn named(variable: &str, local: &str) -> String {
    std::env::var(variable).ok().filter(|url| !url.is_empty()).unwrap_or_else(|| local.to_owned())
}

/// Returns the URL of PostgreSQL.
pub fn postgres() -> String {
    named("EBBTIDE_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/postgres")
}

/// Returns the URL of Redis.
pub fn redis() -> String {
    named("EBBTIDE_TEST_REDIS", "redis://127.0.0.1:6379/")
}

/// Returns the URL of RabbitMQ.
pub fn rabbitmq() -> String {
    named("EBBTIDE_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672/%2f")
}

/// Returns the URL of NATS.
pub fn nats() -> String {
    named("EBBTIDE_TEST_NATS", "nats://127.0.0.1:4222")
}

/// Returns the `host:port` of a URL.
pub fn address(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or_default();
    rest.rsplit_once('@').map_or(rest, |(_, address)| address).to_owned()
}

/// Returns the URL with its address replaced by that of the proxy.
pub fn through(url: &str, proxy: SocketAddr) -> String {
    url.replacen(&address(url), &proxy.to_string(), 1)
}

/// Returns a name for what a test creates on a server, unique among processes, including killed ones.
pub fn unique(what: &str) -> String {
    format!("ebbtide-tests-{what}-{}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// A proxy in front of a server that can pause either direction. Stopped on drop.
#[derive(Debug)]
pub struct Stall {
    /// Where clients connect.
    pub addr: SocketAddr,
    gates: watch::Sender<Gates>,
    sent: Arc<Mutex<Vec<u8>>>,
    connections: watch::Sender<Connections>,
    _carrying: JoinSet<()>,
}

/// The number of connections so far, and the number of their directions that are still open.
#[derive(Clone, Copy, Debug, Default)]
struct Connections {
    opened: usize,
    carried: usize,
}

/// The timeout of a test's wait for an event.
const LONG: Duration = Duration::from_secs(60);

/// The number of bytes kept for inspection.
const NOTED: usize = 4096;

/// Which directions are open.
#[derive(Clone, Copy, Debug)]
struct Gates {
    to_server: bool,
    to_client: bool,
}

impl Stall {
    /// Starts the proxy in front of a server at `host:port`, with both directions open.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("binding a port failed: {error}"));
        let addr = listener.local_addr().expect("it is bound");
        let gates = watch::Sender::new(Gates { to_server: true, to_client: true });
        let sent = Arc::new(Mutex::new(Vec::new()));
        let connections = watch::Sender::new(Connections::default());
        let (server, opened, noted) = (server.to_owned(), gates.clone(), Arc::clone(&sent));
        let counted = connections.clone();
        let mut carrying = JoinSet::new();
        carrying.spawn(async move {
            let mut carried = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let (to_server_open, to_client_open) = (opened.subscribe(), opened.subscribe());
                let noted = Some(Arc::clone(&noted));
                let to_server = carry(from_client, to_server, to_server_open, |gates| gates.to_server, noted);
                let to_client = carry(from_server, to_client, to_client_open, |gates| gates.to_client, None);
                counted.send_modify(|connections| {
                    connections.opened += 1;
                    connections.carried += 2;
                });
                carried.spawn(until_ended(to_server, counted.clone()));
                carried.spawn(until_ended(to_client, counted.clone()));
            }
        });
        Self { addr, gates, sent, connections, _carrying: carrying }
    }

    /// Returns the last bytes that were forwarded from clients to the server.
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `count` connections to the server have been opened in total.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute.
    pub async fn opened(&self, count: usize) {
        self.until(|connections| connections.opened >= count).await;
    }

    /// Waits until every connection has ended at both ends. The server has then read everything that was sent to it.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute.
    pub async fn all_ended(&self) {
        self.until(|connections| connections.carried == 0).await;
    }

    async fn until(&self, is_so: impl FnMut(&Connections) -> bool) {
        let mut connections = self.connections.subscribe();
        let waited = tokio::time::timeout(LONG, connections.wait_for(is_so)).await;
        assert!(
            waited.is_ok(),
            "connections not in the expected state within {LONG:?}: {:?}",
            self.connections.borrow()
        );
    }

    /// Pauses forwarding to the server: the client's socket fills up.
    pub fn hold_to_server(&self) {
        self.gates.send_modify(|gates| gates.to_server = false);
    }

    /// Pauses forwarding to the client.
    pub fn hold_to_client(&self) {
        self.gates.send_modify(|gates| gates.to_client = false);
    }

    /// Resumes forwarding in both directions.
    pub fn release(&self) {
        self.gates.send_replace(Gates { to_server: true, to_client: true });
    }
}

async fn until_ended(carrying: impl Future<Output = ()>, counted: watch::Sender<Connections>) {
    carrying.await;
    counted.send_modify(|connections| connections.carried -= 1);
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gates: watch::Receiver<Gates>,
    is_open: fn(&Gates) -> bool,
    noted: Option<Arc<Mutex<Vec<u8>>>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // Checked again after the read: data that arrived while the gate was closed waits here.
        let Ok(read) = from.read(&mut buffer).await else { return };
        if gates.wait_for(is_open).await.is_err() || read == 0 {
            // Dropping the write half forwards the end of the stream.
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            // The server reads everything before it closes, so this waits for the end of its stream.
            drop(to);
            let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
            return;
        }
        if let Some(noted) = &noted {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.extend_from_slice(&buffer[..read]);
            let more = noted.len().saturating_sub(NOTED);
            noted.drain(..more);
        }
    }
}
