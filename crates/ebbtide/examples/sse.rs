//! Server-sent events without end: at the shutdown the stream ends between two events, and `EventSource` reconnects.
//!
//! ```sh
//! cargo run -p ebbtide --features axum,http --example sse -- 127.0.0.1:8080
//! curl --no-buffer http://127.0.0.1:8080/prices
//! ```

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use ebbtide::Lifecycle;
use ebbtide::http::Server;
use futures_util::{Stream, stream};

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("prices");
    tracing_subscriber::fmt::init();
    lifecycle.run(async |app| {
        let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let routes = app.health_routes(Router::new().route("/prices", get(prices)));
        // Tells each client how long to wait before it reconnects, so that not all of them come at once.
        let server = Server::new(routes).sse_retry(Duration::from_millis(500)..=Duration::from_secs(5));
        app.http_server("api", app.bind(address).await?, server);
        Ok(())
    })
}

/// Knows nothing of the shutdown: the server ends responses of the type `text/event-stream` by itself.
async fn prices() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(100_u32, async |price| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok(Event::default().event("price").data(price.to_string())), price.wrapping_add(1)))
    }))
}
