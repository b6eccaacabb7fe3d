use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The wire between a consumer and the server, which can be cut, and can swallow what the consumer sends.
pub(super) struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    _task: JoinSet<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    /// What the consumer sends is taken and goes nowhere.
    Deaf,
    /// Every connection ends at once, new ones too.
    Cut,
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

    /// The broker's URL, by this wire.
    pub(super) fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address)
    }

    pub(super) fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub(super) fn go_deaf(&self) {
        self.state.send_replace(State::Deaf);
    }

    pub(super) fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn carry(client: TcpStream, broker: String, mut state: watch::Receiver<State>) {
    if *state.borrow() == State::Cut {
        return;
    }
    let broker = TcpStream::connect(broker).await.unwrap();
    client.set_nodelay(true).unwrap();
    broker.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let mut end = state.clone();
    tokio::select! {
        _ = end.wait_for(|state| *state == State::Cut) => {}
        () = speak(from_client, to_broker, &mut state) => {}
        () = listen(from_broker, to_client) => {}
    }
}

async fn speak(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &mut watch::Receiver<State>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        // Deaf is deaf for good: half a frame, and then the rest of another, would be an error of the protocol.
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
