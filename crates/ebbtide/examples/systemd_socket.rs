//! Serves the socket that systemd opened (`.socket` unit). It outlives the process: a restart refuses no client.
//!
//! Started without one, such as on a developer's machine, it binds an address of its own.
//!
//! ```sh
//! systemd-socket-activate --listen 127.0.0.1:8080 target/debug/examples/systemd_socket
//! cargo run -p ebbtide --features axum,http --example systemd_socket -- 127.0.0.1:8080
//! ```

use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use ebbtide::Lifecycle;
use ebbtide::http::Listener;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("hello");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        // With `Type=notify` in the unit, systemd also learns when the service is ready and when it stops.
        let mut listeners = Listener::inherited()?;
        if listeners.is_empty() {
            let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
            listeners.push(app.bind(address).await?);
        }
        let routes = Router::new().route("/", get(async || "Hello, World!"));
        app.http("api", listeners, app.health_routes(routes));
        Ok(())
    })
}
