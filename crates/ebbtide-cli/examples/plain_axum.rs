//! A peer to rehearse: axum, shut down the way its documentation recommends.
//!
//! `cargo build --example plain_axum && ebbtide rehearse --ready 8081 -- target/debug/examples/plain_axum 8081`

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8081);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let slow = async |Path(ms): Path<u64>| tokio::time::sleep(Duration::from_millis(ms)).await;
        let router = Router::new().route("/", get(async || "ok")).route("/slow/{ms}", get(slow));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                terminate.recv().await;
            })
            .await
    })
}
