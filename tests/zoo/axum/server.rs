//! axum, stopped as its example `graceful-shutdown` does, or without a handler.

use std::env;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> io::Result<()> {
    let slow = async |Path(ms): Path<u64>, _: Bytes| {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        "ok"
    };
    let router = Router::new().route("/", get(async || "ok")).route("/slow/{ms}", any(slow));
    let port = env::var("PORT").map_err(io::Error::other)?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    if env::args().nth(1).as_deref() != Some("graceful") {
        return axum::serve(listener, router).await;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async move {
        terminate.recv().await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}
