use std::time::Duration;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{Method, Uri};
use serde::Deserialize;

use super::error::ApiError;

/// `GET /ping`: answers at once.
pub(super) async fn ping() -> &'static str {
    "pong"
}

#[derive(Debug, Deserialize)]
pub(super) struct Slowness {
    #[serde(default = "a_second")]
    ms: u64,
}

/// `GET /slow?ms=N`: answers after so many milliseconds, 60,000 at most and 1,000 by default.
pub(super) async fn slow(slowness: Result<Query<Slowness>, QueryRejection>) -> Result<String, ApiError> {
    let Query(Slowness { ms }) = slowness.map_err(|error| {
        ApiError::bad(format!("{}; ask for milliseconds, such as /slow?ms=3000", error.body_text()))
    })?;
    let ms = ms.min(60_000);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(format!("answered after {ms} ms\n"))
}

/// Everything else.
pub(super) async fn missing(uri: Uri) -> ApiError {
    let path = uri.path();
    ApiError::missing(format!("there is no {path}; there are /orders, /orders/ID, /ping, /slow and /readyz"))
}

/// A path that there is, with a method that it doesn't know.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let path = uri.path();
    ApiError::method(format!("{method} {path} is not possible; the Allow header says what is"))
}

fn a_second() -> u64 {
    1000
}
