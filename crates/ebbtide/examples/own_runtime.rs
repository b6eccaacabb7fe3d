//! A lifecycle on the runtime of `#[tokio::main]`, for programs that cannot give up their own.
//!
//! ```sh
//! cargo run -p ebbtide --features axum,http --example own_runtime -- 127.0.0.1:8080
//! ```

use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use ebbtide::{BoxError, Handle, Lifecycle};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt::init();
    let code = Lifecycle::new("hello").run_async(start).await;
    // The runtime goes on: this is the place for what has to happen after the shutdown.
    tracing::info!("lifecycle finished");
    code
}

async fn start(app: Handle) -> Result<(), BoxError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let routes = Router::new().route("/", get(async || "Hello, World!"));
    app.http("api", app.bind(address).await?, app.health_routes(routes));
    Ok(())
}
