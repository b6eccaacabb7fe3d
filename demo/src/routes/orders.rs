use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;
use tokio::sync::oneshot;

use super::Shop;
use super::error::ApiError;
use crate::orders::{Counts, NewOrder, Order, State as Progress, Taken, Taking};

const STOPPED: &str = "the service is stopping and did not store the order; send it again";

/// `POST /orders`: answers 201 when the order is stored and its job is in the queue, and 202 when it is stored and the queue does
/// not answer: its job comes later. While the pool is full, it waits.
pub(super) async fn create(
    State(shop): State<Shop>,
    order: Result<Json<NewOrder>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(order) = order.map_err(|error| {
        let error = error.body_text();
        let example = r#"{"item": "tea", "quantity": 2}"#;
        ApiError::bad(format!("{error}; send JSON such as {example}, as application/json"))
    })?;
    order.check().map_err(ApiError::bad)?;
    let (taken, answer) = oneshot::channel();
    let sent = shop.intake.send(Taking { order, taken }).await;
    sent.map_err(|_| ApiError::unavailable(STOPPED))?;
    let Taken { id, state } = answer.await.map_err(|_| ApiError::unavailable(STOPPED))??;
    let status = if state == Progress::Queued { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let location = format!("/orders/{id}");
    Ok((status, [(header::LOCATION, location)], Json(json!({ "id": id, "state": state.name() }))))
}

/// `GET /orders/{id}`: the order and how far it is.
pub(super) async fn show(
    State(shop): State<Shop>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Order>, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::bad(error.body_text()))?;
    let order = shop.store.find(&id).await?;
    order
        .map(Json)
        .ok_or_else(|| ApiError::missing(format!("there is no order `{id}`; POST /orders makes one")))
}

/// `GET /orders`: how many orders there are in each state.
pub(super) async fn count(State(shop): State<Shop>) -> Result<Json<Counts>, ApiError> {
    Ok(Json(shop.store.counts().await?))
}
