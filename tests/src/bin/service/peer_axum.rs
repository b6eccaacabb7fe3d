//! A plain axum service, stopped as axum's documentation recommends.

use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::Arguments;

#[tokio::main]
pub(crate) async fn run(mut args: Arguments) -> std::io::Result<()> {
    ebbtide_tests::raise_open_files()?;
    let address = match (args.next().as_deref(), args.next()) {
        (Some("--listen"), Some(address)) => address,
        _ => "127.0.0.1:8080".to_owned(),
    };
    let router = ebbtide_tests::routes().route("/readyz", get(async || "ready"));
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(&address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let stopped = async move {
        terminate.recv().await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
    Ok(())
}
