use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use bytes::Bytes;

/// The body of `/ping`, which every server answers.
pub(super) const PONG: &str = "pong";

/// `/ping`, and what the soak asks for beside it.
pub(super) fn router() -> Router {
    Router::new()
        .route("/ping", get(async || PONG))
        .route("/slow/{ms}", get(slow))
        .route("/upload", post(async |body: Bytes| body.len().to_string()))
        // `axum::serve` does so itself for a router without a state: else each request makes its handler a service.
        .with_state(())
}

async fn slow(Path(ms): Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "done"
}
