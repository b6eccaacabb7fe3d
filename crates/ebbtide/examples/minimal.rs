//! The smallest service: one route, and a shutdown that loses no request.
//!
//! ```sh
//! cargo run -p ebbtide --features axum,http --example minimal -- 127.0.0.1:8080
//! ```

use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use ebbtide::Lifecycle;

fn main() -> ExitCode {
    // The first line of `main`: from here on, SIGTERM and SIGINT begin a graceful shutdown.
    let lifecycle = Lifecycle::new("hello");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listener = app.bind(address).await?;
        let routes = Router::new().route("/", get(async || "Hello, World!"));
        // The probes of the platform: /livez, /readyz, /startupz and /healthz.
        app.http("api", listener, app.health_routes(routes));
        // The service is ready when this closure returns.
        Ok(())
    })
}
