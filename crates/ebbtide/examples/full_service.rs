//! A service with the parts that most services have: an API, a health port, workers, a ticker, a database and a log.
//!
//! ```sh
//! cargo run -p ebbtide --features axum,http --example full_service -- 127.0.0.1:8080 127.0.0.1:9090
//! curl --data 'one teapot' http://127.0.0.1:8080/orders
//! ```

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use ebbtide::lifecycle::Pool;
use ebbtide::{BoxError, Handle, Lifecycle, Stop};
use tokio::sync::Mutex;

fn main() -> ExitCode {
    let lifecycle = Lifecycle::new("orders");
    // A thread writes the log. The flusher waits for it, so that the last line is written.
    let (writer, log) = tracing_appender::non_blocking(std::io::stderr());
    tracing_subscriber::fmt().with_writer(writer).init();
    lifecycle.on_flush("log", move || drop(log)).run(start)
}

async fn start(app: Handle) -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let api = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let health = arguments.next().unwrap_or_else(|| "127.0.0.1:9090".to_owned());
    // Answers the probes until everything else has stopped.
    app.health("health", app.bind(health).await?);
    // Resources are closed after the workers, in the reverse order of registration.
    let database = app.resource("database", Database::default(), async |database| database.close().await);
    // A pool is registered before what sends to it: sends to a later pool fail once the shutdown begins.
    let confirmations = app.workers("confirmations", 4, confirm);
    let counted = database.clone();
    app.every("count", Duration::from_secs(60), move || count(counted.clone()));
    let routes = Router::new().route("/orders", post(order)).with_state((database, confirmations));
    app.http("api", app.bind(api).await?, routes);
    Ok(())
}

async fn order(
    State((database, confirmations)): State<(Database, Pool<String>)>,
    order: String,
) -> StatusCode {
    database.0.lock().await.push(order.clone());
    // Waits while the queue is full; fails when the pool has stopped.
    confirmations.send(order).await.map_or(StatusCode::SERVICE_UNAVAILABLE, |()| StatusCode::ACCEPTED)
}

async fn confirm(order: String, _stop: Stop) -> Result<(), BoxError> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    tracing::info!(order, "order confirmed");
    Ok(())
}

async fn count(database: Database) -> Result<(), BoxError> {
    let orders = database.0.lock().await.len();
    tracing::info!(orders, "orders counted");
    Ok(())
}

/// Takes the place of a pool of database connections.
#[derive(Clone, Default)]
struct Database(Arc<Mutex<Vec<String>>>);

impl Database {
    async fn close(self) -> Result<(), BoxError> {
        let orders = self.0.lock().await.len();
        tracing::info!(orders, "database closed");
        Ok(())
    }
}
