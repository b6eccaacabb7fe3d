//! A WebSocket that closes with 1001 ("going away") at the shutdown, so that its client reconnects to another instance.
//!
//! ```sh
//! cargo run -p ebbtide --features axum-ws,http --example websocket -- 127.0.0.1:8080
//! ```

use std::process::ExitCode;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use ebbtide::ws::Graceful;
use ebbtide::{Lifecycle, Stop};
use futures_util::{SinkExt as _, StreamExt as _};

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("echo");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        // Raised when the load balancer sends no more clients here. Earlier, they might come back to this instance.
        let routes = Router::new().route("/echo", any(upgrade)).with_state(app.drain_token());
        app.http("api", app.bind(address).await?, app.health_routes(routes));
        Ok(())
    })
}

async fn upgrade(State(stop): State<Stop>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|socket| echo(socket, stop))
}

async fn echo(socket: WebSocket, stop: Stop) {
    let mut socket = Graceful::new(socket, stop);
    // The loop ends by itself: after the close frame of either side, or with the connection.
    while let Some(Ok(message)) = socket.next().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}
