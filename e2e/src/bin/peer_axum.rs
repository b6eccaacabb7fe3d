//! A plain axum service, stopped the way axum's own documentation recommends.
#![expect(clippy::print_stderr, reason = "a bare line tells that it is up")]

use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    ebbtide_e2e::raise_open_files()?;
    let mut args = std::env::args().skip(1);
    let address = match (args.next().as_deref(), args.next()) {
        (Some("--listen"), Some(address)) => address,
        _ => "127.0.0.1:8080".to_owned(),
    };
    let router = ebbtide_e2e::routes().route("/readyz", get(async || "ready"));
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(&address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let stopped = async move {
        terminate.recv().await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
    Ok(())
}
