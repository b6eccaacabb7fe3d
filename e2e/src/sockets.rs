use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::any;
use ebbtide::drain::Stop;
use ebbtide::ws::Graceful;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};

/// How many messages the echo has read, over all connections.
#[derive(Clone, Debug, Default)]
pub struct Echoes {
    read: Arc<AtomicU64>,
}

impl Echoes {
    /// Returns the number.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::SeqCst)
    }

    async fn run<S>(self, mut socket: S)
    where
        S: Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Unpin,
    {
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Text(_)) {
                self.read.fetch_add(1, Ordering::SeqCst);
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        }
    }
}

/// `/echo`, a WebSocket that gives back what it gets: with the helper if there is a token for it, else without.
pub fn sockets(echoes: Echoes, stop: Option<Stop>) -> Router {
    let echo = async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |socket| match stop {
            Some(stop) => echoes.run(Graceful::new(socket, stop)).await,
            None => echoes.run(socket).await,
        })
    };
    Router::new().route("/echo", any(echo))
}
