//! A plain axum service, stopped the way axum's own documentation recommends.
#![expect(clippy::print_stderr, reason = "a bare line tells that it is up")]

use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(serde::Deserialize)]
struct Slow {
    ms: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = match (args.next().as_deref(), args.next()) {
        (Some("--listen"), Some(address)) => address,
        _ => "127.0.0.1:8080".to_owned(),
    };
    let router =
        Router::new().route("/ping", get(async || "pong")).route("/readyz", get(async || "ready")).route(
            "/slow",
            get(async |Query(slow): Query<Slow>| {
                tokio::time::sleep(Duration::from_millis(slow.ms)).await;
                "done"
            }),
        );
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(&address).await?;
    eprintln!("listening on {address}");
    let stopped = async move {
        terminate.recv().await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}
