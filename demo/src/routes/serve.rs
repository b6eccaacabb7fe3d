use axum::Router;
use axum::routing::get;
use ebbtide::{BoxError, Life};
use ebbtide::lifecycle::Pool;

use super::{orders, plain};
use crate::faults::Faults;
use crate::orders::Job;
use crate::store::Store;

/// What handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) store: Store,
    pub(crate) orders: Pool<Job>,
}

/// Serves the shop on `address` until the lifecycle stops it.
///
/// # Errors
///
/// When the address cannot be listened on.
pub(crate) async fn serve(life: &Life, address: &str, shop: Shop, _faults: &Faults) -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    let ready = life.clone();
    let router = router(shop).route(
        "/readyz",
        get(async move || if ready.phase() == ebbtide::Phase::Ready { (axum::http::StatusCode::OK, "ready\n") } else { (axum::http::StatusCode::SERVICE_UNAVAILABLE, "no\n") }),
    );
    struct None;
    impl ebbtide::drain::Work for None {
        fn in_flight(&self) -> u64 { 0 }
        fn finished(&self) -> u64 { 0 }
        fn cut(&self) -> u64 { 0 }
        fn stragglers(&self) -> Vec<ebbtide::model::Straggler> { Vec::new() }
    }
    life.serve("api", std::sync::Arc::new(None), move |context| async move {
        axum::serve(listener, router).with_graceful_shutdown(async move { context.stop.stopping().await }).await?;
        Ok(())
    });
    Ok(())
}

fn router(shop: Shop) -> Router {
    Router::new()
        .route("/orders", get(orders::count).post(orders::create))
        .route("/orders/{id}", get(orders::show))
        .route("/ping", get(plain::ping))
        .route("/slow", get(plain::slow))
        .fallback(plain::missing)
        .method_not_allowed_fallback(plain::wrong_method)
        .with_state(shop)
}
