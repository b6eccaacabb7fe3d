use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::http1::{After, Connection, Wish};
use super::http2;
use super::shape::Shape;
use super::tally::{Counts, Tally};

/// Before somebody whom nobody listened to tries again.
const PAUSE: Duration = Duration::from_millis(5);

/// How long clients get to end that nobody answers any more. The kernel repeats a SYN that was dropped after 1 and 3 s.
const PATIENCE: Duration = Duration::from_secs(8);

const PING: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
const LAST_PING: &[u8] = b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
const UPLOAD: &[u8] = b"POST /upload HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 16384\r\n\r\n";
const PIECE: &[u8] = &[b'x'; 4096];

/// Clients of one server. They live on the thread that makes them.
#[derive(Debug)]
pub struct Crowd {
    shared: Rc<Shared>,
    tallies: Vec<(Shape, Rc<Tally>)>,
    clients: JoinSet<()>,
    rng: Rng,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    /// The server was told to stop: whoever is refused goes home.
    stopping: Cell<bool>,
    /// The server is gone.
    over: Cell<bool>,
    trouble: RefCell<Option<io::Error>>,
}

impl Crowd {
    /// Makes none yet; they will draw from `seed`.
    pub fn new(address: SocketAddr, seed: u64) -> Self {
        let shared = Shared {
            address,
            stopping: Cell::new(false),
            over: Cell::new(false),
            trouble: RefCell::new(None),
        };
        let rng = Rng::with_seed(seed);
        Self { shared: Rc::new(shared), tallies: Vec::new(), clients: JoinSet::new(), rng }
    }

    /// Starts clients. Inside a [`LocalSet`](tokio::task::LocalSet) only.
    pub fn start(&mut self, shape: Shape, clients: u32) {
        let tally = Rc::<Tally>::default();
        for _ in 0..clients {
            let (shared, tally, rng) = (Rc::clone(&self.shared), Rc::clone(&tally), self.rng.fork());
            self.clients.spawn_local(live(shared, tally, shape, rng));
        }
        self.tallies.push((shape, tally));
    }

    /// Returns what the clients of each shape counted so far.
    pub fn counts(&self) -> Vec<(Shape, Counts)> {
        self.tallies.iter().map(|(shape, tally)| (*shape, tally.counts())).collect()
    }

    /// Returns what was odd so far, in words; the first hundred of each shape.
    pub fn oddities(&self) -> Vec<String> {
        self.tallies.iter().flat_map(|(_, tally)| tally.oddities()).collect()
    }

    /// Waits until so many requests have been answered.
    ///
    /// # Errors
    ///
    /// When a client could not go on, or nothing was answered for ten seconds.
    pub async fn answered(&mut self, wanted: u64) -> io::Result<()> {
        const SILENCE: u32 = 10_000;
        let (mut before, mut still) = (0, 0);
        loop {
            let now = self.counts().iter().map(|(_, counts)| counts.answered).sum();
            if let Some(error) = self.shared.trouble.take() {
                return Err(error);
            }
            if now >= wanted {
                return Ok(());
            }
            still = if now == before { still + 1 } else { 0 };
            before = now;
            if still > SILENCE {
                return Err(io::Error::other("the server answers nothing"));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Tells the clients that the server was told to stop.
    pub fn stopping(&self) {
        self.shared.stopping.set(true);
    }

    /// Tells the clients that the server is gone, and waits for the last of them. Returns how many had to be left.
    ///
    /// # Errors
    ///
    /// When a client could not go on.
    pub async fn ended(&mut self) -> io::Result<usize> {
        self.shared.over.set(true);
        let all = async { while self.clients.join_next().await.is_some() {} };
        let left = if timeout(PATIENCE, all).await.is_ok() { 0 } else { self.clients.len() };
        self.clients.shutdown().await;
        if let Some(error) = self.shared.trouble.take() {
            return Err(error);
        }
        Ok(left)
    }
}

impl Shared {
    fn is_wanted(&self) -> bool {
        !self.over.get()
    }
}

async fn live(shared: Rc<Shared>, tally: Rc<Tally>, shape: Shape, mut rng: Rng) {
    while shared.is_wanted() {
        let went = match shape {
            Shape::Storm => storm(&shared, &tally).await,
            Shape::Http2 => http2::talk(shared.address, &tally, || shared.is_wanted()).await,
            _ => kept(&shared, &tally, shape, &mut rng).await,
        };
        match went {
            Ok(true) => {}
            Ok(false) if shared.stopping.get() => break,
            Ok(false) => sleep(PAUSE).await,
            Err(error) => {
                shared.trouble.borrow_mut().get_or_insert(error);
                break;
            }
        }
    }
}

/// One request on a connection of its own; `false` when there is none to be had.
async fn storm(shared: &Shared, tally: &Tally) -> io::Result<bool> {
    let Some(mut connection) = Connection::open(shared.address, tally).await? else {
        return Ok(false);
    };
    let wish = Wish { pieces: &[LAST_PING], pause: Duration::ZERO, answer: b"pong" };
    connection.ask(wish, tally).await;
    connection.closed().await;
    Ok(true)
}

/// Requests on one connection until it ends; `false` when there is none to be had.
async fn kept(shared: &Shared, tally: &Tally, shape: Shape, rng: &mut Rng) -> io::Result<bool> {
    let Some(mut connection) = Connection::open(shared.address, tally).await? else {
        return Ok(false);
    };
    while shared.is_wanted() {
        let slow = format!("GET /slow/{} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", rng.u64(0..200));
        let (pieces, answer): (&[&[u8]], &[u8]) = match shape {
            Shape::Slow => (&[slow.as_bytes()], b"done"),
            Shape::Upload => (&[UPLOAD, PIECE, PIECE, PIECE, PIECE], b"16384"),
            _ => (&[PING], b"pong"),
        };
        let pause = Duration::from_millis(rng.u64(0..8));
        if connection.ask(Wish { pieces, pause, answer }, tally).await == After::Gone {
            connection.closed().await;
            return Ok(true);
        }
        if connection.think(Duration::from_micros(rng.u64(0..20_000))).await == After::Gone {
            return Ok(true);
        }
    }
    Ok(true)
}
