//! The service's HTTP interface. The health routes are Ebbtide's.

use std::time::Duration;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use ebbtide::lifecycle::Pool;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use crate::orders::{AcceptedOrder, IntakeRequest, NewOrder, Order, OrderCounts, OrderState};
use crate::store::{Store, StoreError};

/// The state that the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct AppState {
    pub(crate) store: Store,
    pub(crate) intake: Pool<IntakeRequest>,
}

const STOPPED: &str = "service is shutting down; the order was not stored and may be sent again";

const DATABASE: &str = "database unavailable; the request may be retried";

/// Returns the service's routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/orders", get(count_orders).post(create_order))
        .route("/orders/{id}", get(show_order))
        .route("/ping", get(ping))
        .route("/slow", get(slow))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
}

/// `POST /orders`: answers 201 when the order is stored and its job is in the queue, and 202 when it is stored and the queue does
/// not answer: its job is pushed later. While the pool is full, the request waits.
async fn create_order(
    State(app): State<AppState>,
    order: Result<Json<NewOrder>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(order) = order.map_err(|error| {
        let error = error.body_text();
        let example = r#"{"item": "tea", "quantity": 2}"#;
        ApiError::bad(format!("{error}; expected application/json such as {example}"))
    })?;
    order.check().map_err(ApiError::bad)?;
    let (reply, answer) = oneshot::channel();
    let sent = app.intake.send(IntakeRequest { order, reply }).await;
    sent.map_err(|_| ApiError::unavailable(STOPPED))?;
    let AcceptedOrder { id, state } = answer.await.map_err(|_| ApiError::unavailable(STOPPED))??;
    let status = if state == OrderState::Queued { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let location = format!("/orders/{id}");
    Ok((status, [(header::LOCATION, location)], Json(json!({ "id": id, "state": state.name() }))))
}

/// `GET /orders/{id}`: returns the order and its state.
async fn show_order(
    State(app): State<AppState>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Order>, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::bad(error.body_text()))?;
    let order = app.store.find(&id).await?;
    order.map(Json).ok_or_else(|| ApiError::missing(format!("order `{id}` not found")))
}

/// `GET /orders`: returns the number of orders in each state.
async fn count_orders(State(app): State<AppState>) -> Result<Json<OrderCounts>, ApiError> {
    Ok(Json(app.store.counts().await?))
}

/// `GET /ping`: answers at once.
async fn ping() -> &'static str {
    "pong"
}

#[derive(Debug, Deserialize)]
struct Slowness {
    #[serde(default = "a_second")]
    ms: u64,
}

/// `GET /slow?ms=N`: answers after so many milliseconds, 60,000 at most and 1,000 by default.
async fn slow(slowness: Result<Query<Slowness>, QueryRejection>) -> Result<String, ApiError> {
    let Query(Slowness { ms }) = slowness.map_err(|error| {
        ApiError::bad(format!("{}; expected milliseconds, such as /slow?ms=3000", error.body_text()))
    })?;
    let ms = ms.min(60_000);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(format!("answered after {ms} ms\n"))
}

/// Answers every other path.
async fn not_found(uri: Uri) -> ApiError {
    let path = uri.path();
    ApiError::missing(format!("{path} not found; available: /orders, /orders/ID, /ping, /slow, /readyz"))
}

/// Answers an existing path with a method that it does not support.
async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let path = uri.path();
    ApiError::method(format!(
        "method {method} not allowed for {path}; the Allow header lists the allowed methods"
    ))
}

/// An error response: `{"error": …}`.
#[derive(Debug)]
struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    /// The request is invalid.
    fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// The path or the order does not exist.
    fn missing(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }

    /// The path exists, but does not support the method.
    fn method(message: impl Into<String>) -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, message: message.into() }
    }

    /// The service cannot process the request now.
    fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into() }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        // The database's error may hold internals; only the log shows it.
        tracing::error!(%error, "request failed: database error");
        Self::unavailable(DATABASE)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

fn a_second() -> u64 {
    1000
}
