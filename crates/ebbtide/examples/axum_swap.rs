//! A program that keeps its own `main` and signal handling, with one line replaced: `axum::serve` loses requests at the
//! shutdown, and this server does not.
//!
//! ```sh
//! cargo run -p ebbtide --features http --example axum_swap -- 127.0.0.1:8080
//! ```

use std::error::Error;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init();
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = async move {
        terminate.recv().await;
    };
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    let app = Router::new().route("/", get(async || "Hello, World!"));

    // Before: axum::serve(listener, app).with_graceful_shutdown(shutdown).await?;
    ebbtide::http::serve(listener, app).with_graceful_shutdown(shutdown).await?;

    // Every request has its response. The deadline of the platform leaves time for what is closed here.
    tracing::info!("server stopped");
    Ok(())
}
