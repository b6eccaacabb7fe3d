use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The way to a server: it can lead to another one, and what is on it can be late, or never arrive.
///
/// Whatever is done to it is done to the connections that there are; new ones are as they should be.
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
    /// From the connections before these on nothing passes this way, or any.
    questions_from: u64,
    answers_from: u64,
    uncut_from: u64,
    /// How much waits on the wire.
    waiting: u64,
    /// How many connections there are.
    open: u64,
}

impl Wire {
    /// Opens a way to the server of an URL.
    pub(super) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (next, questions_from, answers_from, uncut_from, waiting, open) = Default::default();
        let server = host(url);
        let state = State { server, next, questions_from, answers_from, uncut_from, waiting, open };
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

    /// Leads to another server from now on.
    pub(super) fn lead_to(&self, url: &str) {
        self.state.send_modify(|state| state.server = host(url));
    }

    /// What is asked is held up.
    pub(super) fn hold_questions(&self) {
        self.state.send_modify(|state| state.questions_from = state.next);
    }

    /// What is answered is held up.
    pub(super) fn hold_answers(&self) {
        self.state.send_modify(|state| state.answers_from = state.next);
    }

    /// Waits until something is held up.
    pub(super) async fn holds_something(&self) {
        self.state.subscribe().wait_for(|state| state.waiting > 0).await.unwrap();
    }

    /// What is held up arrives.
    pub(super) fn release(&self) {
        self.state.send_modify(|state| (state.questions_from, state.answers_from) = (0, 0));
    }

    /// The connections end, with all that is on them.
    pub(super) fn cut(&self) {
        self.state.send_modify(|state| (state.uncut_from, state.waiting) = (state.next, 0));
    }

    /// Waits until there are so many connections.
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
        // The client's end is passed on, and the connection is over when the server has seen it.
        tokio::join!(questions, answers);
    };
    tokio::select! {
        _ = end.wait_for(|state| state.uncut_from > number) => {}
        () = both => {}
    }
}

/// What holds up one direction of a connection.
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
