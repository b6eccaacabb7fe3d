//! Many clients of one server, and the behaviour of each kind.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::http1::{After, Connection, PiecedRequest};
use super::http2;
use super::ping::{LAST_PING, PING};
use super::tally::{Counts, Tally};

/// Delay before a client whose connection was refused connects again.
const PAUSE: Duration = Duration::from_millis(5);

/// How long clients may take to end after the server's exit. The kernel repeats a dropped SYN after 1 and 3 s.
const PATIENCE: Duration = Duration::from_secs(8);

const UPLOAD: &[u8] = b"POST /upload HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 16384\r\n\r\n";
const PIECE: &[u8] = &[b'x'; 4096];

/// What one client does in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A new connection for each request.
    Storm,
    /// A keep-alive connection, with 0 to 20 ms of think time between two requests.
    KeepAlive,
    /// A keep-alive connection with requests that are answered after 0 to 200 ms.
    Slow,
    /// A keep-alive connection with bodies that are sent in pieces.
    Upload,
    /// An HTTP/2 connection with ten requests in flight.
    Http2,
}

impl Shape {
    /// Returns the name in the tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Storm => "new connections",
            Self::KeepAlive => "kept connections",
            Self::Slow => "slow requests",
            Self::Upload => "uploads in pieces",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// Clients of one server. They run on the thread that creates them.
#[derive(Debug)]
pub struct Crowd {
    state: Rc<CrowdState>,
    tallies: Vec<(Shape, Rc<Tally>)>,
    clients: JoinSet<()>,
    rng: Rng,
}

#[derive(Debug)]
struct CrowdState {
    address: SocketAddr,
    /// The server was asked to stop: clients whose connection is refused end.
    stopping: Cell<bool>,
    /// The server has exited.
    over: Cell<bool>,
    trouble: RefCell<Option<io::Error>>,
}

impl Crowd {
    /// Creates the set without clients. The clients draw random numbers from `seed`.
    pub fn new(address: SocketAddr, seed: u64) -> Self {
        let state = CrowdState {
            address,
            stopping: Cell::new(false),
            over: Cell::new(false),
            trouble: RefCell::new(None),
        };
        let rng = Rng::with_seed(seed);
        Self { state: Rc::new(state), tallies: Vec::new(), clients: JoinSet::new(), rng }
    }

    /// Starts clients. Must be called inside a [`LocalSet`](tokio::task::LocalSet).
    pub fn start(&mut self, shape: Shape, clients: u32) {
        let tally = Rc::<Tally>::default();
        for _ in 0..clients {
            let (state, tally, rng) = (Rc::clone(&self.state), Rc::clone(&tally), self.rng.fork());
            self.clients.spawn_local(live(state, tally, shape, rng));
        }
        self.tallies.push((shape, tally));
    }

    /// Returns the counts of the clients of each shape so far.
    pub fn counts(&self) -> Vec<(Shape, Counts)> {
        self.tallies.iter().map(|(shape, tally)| (*shape, tally.counts())).collect()
    }

    /// Returns the anomalies so far as text: the first hundred of each shape.
    pub fn oddities(&self) -> Vec<String> {
        self.tallies.iter().flat_map(|(_, tally)| tally.oddities()).collect()
    }

    /// Waits until `wanted` requests have been answered.
    ///
    /// # Errors
    ///
    /// When a client cannot continue, or nothing was answered for ten seconds.
    pub async fn answered(&mut self, wanted: u64) -> io::Result<()> {
        const SILENCE: u32 = 10_000;
        let (mut before, mut still) = (0, 0);
        loop {
            let now = self.counts().iter().map(|(_, counts)| counts.answered).sum();
            if let Some(error) = self.state.trouble.take() {
                return Err(error);
            }
            if now >= wanted {
                return Ok(());
            }
            still = if now == before { still + 1 } else { 0 };
            before = now;
            if still > SILENCE {
                return Err(io::Error::other("no response from the server"));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Notifies the clients that the server was asked to stop.
    pub fn stopping(&self) {
        self.state.stopping.set(true);
    }

    /// Notifies the clients that the server has exited, and waits for them. Returns how many did not end in time.
    ///
    /// # Errors
    ///
    /// When a client cannot continue.
    pub async fn ended(&mut self) -> io::Result<usize> {
        self.state.over.set(true);
        let all = async { while self.clients.join_next().await.is_some() {} };
        let left = if timeout(PATIENCE, all).await.is_ok() { 0 } else { self.clients.len() };
        self.clients.shutdown().await;
        if let Some(error) = self.state.trouble.take() {
            return Err(error);
        }
        Ok(left)
    }
}

impl CrowdState {
    fn is_wanted(&self) -> bool {
        !self.over.get()
    }
}

async fn live(state: Rc<CrowdState>, tally: Rc<Tally>, shape: Shape, mut rng: Rng) {
    while state.is_wanted() {
        let went = match shape {
            Shape::Storm => storm(&state, &tally).await,
            Shape::Http2 => http2::talk(state.address, &tally, || state.is_wanted()).await,
            _ => kept(&state, &tally, shape, &mut rng).await,
        };
        match went {
            Ok(true) => {}
            Ok(false) if state.stopping.get() => break,
            Ok(false) => sleep(PAUSE).await,
            Err(error) => {
                state.trouble.borrow_mut().get_or_insert(error);
                break;
            }
        }
    }
}

/// Sends one request on a new connection. Returns `false` when the server accepts no connection.
async fn storm(state: &CrowdState, tally: &Tally) -> io::Result<bool> {
    let Some(mut connection) = Connection::open(state.address, tally).await? else {
        return Ok(false);
    };
    let request = PiecedRequest { pieces: &[LAST_PING], pause: Duration::ZERO, answer: b"pong" };
    connection.ask(request, tally).await;
    connection.closed().await;
    Ok(true)
}

/// Sends requests on one connection until it ends. Returns `false` when the server accepts no connection.
async fn kept(state: &CrowdState, tally: &Tally, shape: Shape, rng: &mut Rng) -> io::Result<bool> {
    let Some(mut connection) = Connection::open(state.address, tally).await? else {
        return Ok(false);
    };
    while state.is_wanted() {
        let slow = format!("GET /slow/{} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", rng.u64(0..200));
        let (pieces, answer): (&[&[u8]], &[u8]) = match shape {
            Shape::Slow => (&[slow.as_bytes()], b"done"),
            Shape::Upload => (&[UPLOAD, PIECE, PIECE, PIECE, PIECE], b"16384"),
            _ => (&[PING], b"pong"),
        };
        let pause = Duration::from_millis(rng.u64(0..8));
        if connection.ask(PiecedRequest { pieces, pause, answer }, tally).await == After::Gone {
            connection.closed().await;
            return Ok(true);
        }
        if connection.think(Duration::from_micros(rng.u64(0..20_000))).await == After::Gone {
            return Ok(true);
        }
    }
    Ok(true)
}
