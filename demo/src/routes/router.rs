use axum::Router;
use axum::routing::get;

use super::{Shop, orders, plain};

/// Returns the service's routes.
pub(crate) fn router(shop: Shop) -> Router {
    Router::new()
        .route("/orders", get(orders::count).post(orders::create))
        .route("/orders/{id}", get(orders::show))
        .route("/ping", get(plain::ping))
        .route("/slow", get(plain::slow))
        .fallback(plain::missing)
        .method_not_allowed_fallback(plain::wrong_method)
        .with_state(shop)
}
