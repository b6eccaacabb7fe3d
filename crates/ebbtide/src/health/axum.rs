use std::future::ready;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Uri};

use super::{Health, routes};
use crate::lifecycle::Handle;

impl Handle {
    /// Adds the health routes to an axum router: `GET /livez`, `/readyz`, `/startupz` and `/healthz`, which follow the lifecycle.
    ///
    /// They are ordinary routes: no existing route is replaced, and the router's fallback handles all other paths. Layers that
    /// were added to the router earlier do not apply to the probes.
    ///
    /// # Panics
    ///
    /// When the router has one of these routes already, as `Router::route` does; the message names the route. In that case, serve
    /// the health routes on a separate listener with [`health`](Self::health).
    ///
    /// # Examples
    ///
    /// ```
    /// # use ebbtide::{BoxError, Handle};
    /// # async fn start(app: Handle) -> Result<(), BoxError> {
    /// let router = axum::Router::new().route("/ping", axum::routing::get(async || "pong"));
    /// app.http("api", app.bind("0.0.0.0:8080").await?, app.health_routes(router));
    /// # Ok(()) }
    /// ```
    #[must_use = "returns the router with the health routes"]
    pub fn health_routes<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        self.health_handle().add_to(router)
    }
}

impl Health {
    /// Adds the health routes to an axum router, as [`Handle::health_routes`] does.
    ///
    /// # Panics
    ///
    /// As [`Handle::health_routes`].
    #[must_use = "returns the router with the health routes"]
    pub fn add_to<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        routes::ALL.into_iter().fold(router, |router, path| {
            let health = self.clone();
            let probe = move |method: Method, uri: Uri| {
                // Always a probe: the path is the route's, and axum handles HEAD with the GET handler.
                let answer = routes::answer(&health, &method, &uri).unwrap_or_default();
                ready(answer.map(Body::from))
            };
            router.route(path, get(probe))
        })
    }
}
