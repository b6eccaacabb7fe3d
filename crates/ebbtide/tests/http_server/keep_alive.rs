//! Keep-alive clients that pause between two requests while the server closes, at a short and at a long distance.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ebbtide::http::CloseMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{Client, LONG, PING, now, ping, seed, serve, stop_source, until};

const CLIENTS: u64 = 200;
const CLOSES: u64 = 5;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Sends requests until the server announces the close, or a request is lost. Returns the numbers of answered and lost requests.
async fn client(addr: SocketAddr, kind: Clients, seed: u64, warm: Arc<AtomicU64>) -> (u64, u64) {
    let mut random = Random(seed);
    let mut client = Client::connect(addr).await.unwrap();
    let mut answered = 0;
    loop {
        tokio::time::sleep(Duration::from_micros(random.below(kind.think.as_micros() as u64))).await;
        // A client whose connection is closed before it has sent a request has lost nothing.
        if !client.is_quiet() {
            return (answered, 0);
        }
        if client.send(PING).await.is_err() {
            return (answered, 1);
        }
        match client.response().await {
            Ok(answer) if answer.is_ok() && answer.body == b"pong" => {
                answered += 1;
                warm.fetch_add(u64::from(answered == 2), Ordering::SeqCst);
                if answer.closes {
                    return (answered, 0);
                }
            }
            _ => return (answered, 1),
        }
    }
}

/// The clients' maximum think time and their distance.
#[derive(Clone, Copy, Debug)]
struct Clients {
    think: Duration,
    round_trip: Duration,
}

const NEAR: Clients = Clients { think: Duration::from_millis(20), round_trip: Duration::ZERO };
const FAR: Clients = Clients { think: Duration::from_millis(200), round_trip: Duration::from_millis(10) };

impl Clients {
    /// Starts them, and returns when each has got two responses.
    async fn start(self, addr: SocketAddr, round: u64) -> JoinSet<(u64, u64)> {
        let (mut clients, warm, seed) = (JoinSet::new(), Arc::new(AtomicU64::new(0)), seed());
        for each in 0..CLIENTS {
            clients.spawn(client(addr, self, seed.wrapping_add(round * CLIENTS + each), Arc::clone(&warm)));
        }
        until(|| warm.load(Ordering::SeqCst) == CLIENTS).await;
        tokio::time::sleep(Duration::from_millis(3 * round)).await; // the time differs in each round
        clients
    }
}

async fn closes(mode: CloseMode, kind: Clients) -> u64 {
    let (mut answered, mut lost) = (0, 0);
    for round in 0..CLOSES {
        // On a busy machine clients pause for longer than intended.
        let mut served = serve(ping(), |server| server.close_mode(mode).idle_quiet(LONG)).await;
        let far = Far::between(served.addr, kind.round_trip / 2).await;
        let clients = kind.start(far.addr, round).await;
        served.stop();
        for (good, bad) in clients.join_all().await {
            answered += good;
            lost += bad;
        }
        served.ended().await;
    }
    println!("{mode:?} {kind:?}: {answered} answered, {lost} lost in {CLOSES} closes");
    assert!(answered >= CLOSES * CLIENTS);
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alive_clients_with_think_time_lose_nothing() {
    assert_eq!(closes(CloseMode::Lossless, NEAR).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alive_clients_ten_milliseconds_away_lose_nothing() {
    assert_eq!(closes(CloseMode::Lossless, FAR).await, 0);
}

/// The opposite: an immediate close of idle connections loses the requests in transit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_idle_connections_at_once_loses_requests() {
    assert!(closes(CloseMode::Abrupt, NEAR).await > 0);
    assert!(closes(CloseMode::Abrupt, FAR).await > 0);
}

/// The opposite with a peer: the same clients with `axum::serve`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_serve_loses_requests_of_the_same_clients() {
    let (mut answered, mut lost) = (0, 0);
    for round in 0..CLOSES {
        let stop = stop_source();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        let token = stop.token();
        server.spawn(async move {
            axum::serve(listener, ping()).with_graceful_shutdown(async move { token.stopping().await }).await
        });
        let clients = NEAR.start(addr, round).await;
        stop.stop(crate::support::cause(), None);
        for (good, bad) in clients.join_all().await {
            answered += good;
            lost += bad;
        }
    }
    println!("axum::serve: {answered} answered, {lost} lost in {CLOSES} closes");
    assert!(lost > 0);
}

/// The near end of the path to a server. The path exists until this is dropped.
pub(crate) struct Far {
    pub(crate) addr: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Far {
    /// Adds a delay of `one_way` between the clients and a server; none for zero.
    pub(crate) async fn between(server: SocketAddr, one_way: Duration) -> Self {
        if one_way.is_zero() {
            return Self { addr: server, _tasks: JoinSet::new() };
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut ways = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                // The handshake is delayed too; a refusal reaches the client as an end before anything was sent.
                let Ok(far) = TcpStream::connect(server).await else { continue };
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                carry(&mut ways, near_in, far_out, one_way);
                carry(&mut ways, far_in, near_out, one_way);
            }
        });
        Self { addr, _tasks: tasks }
    }
}

fn carry(ways: &mut JoinSet<()>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, one_way: Duration) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    ways.spawn(async move {
        loop {
            let mut buf = vec![0; 4096];
            let read = from.read(&mut buf).await.unwrap_or(0);
            buf.truncate(read);
            if sender.send((now() + one_way, buf)).is_err() || read == 0 {
                return;
            }
        }
    });
    ways.spawn(async move {
        while let Some((at, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(at.into()).await;
            if bytes.is_empty() || to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    });
}
