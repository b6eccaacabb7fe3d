use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Uri};

use super::{Health, routes};
use crate::lifecycle::{Handle, Refusal};

impl Handle {
    /// Adds the health routes to an axum router: `GET /livez`, `/readyz`, `/startupz` and `/healthz`, which follow the lifecycle.
    ///
    /// They are ordinary routes: no existing route is replaced, and the router's fallback handles all other paths. Layers that
    /// were added to the router earlier do not apply to the probes.
    ///
    /// # Errors
    ///
    /// A router that has one of these routes already makes the start-up fail; the error names the route. In that case, serve the health
    /// routes on a separate listener with [`health`](Self::health).
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
        let health = self.health_handle();
        routes::ALL.into_iter().fold(router, |router, path| match health.with_route(router.clone(), path) {
            Ok(added) => added,
            Err(_) => {
                self.refuse(Refusal::HealthRoute(path));
                router
            }
        })
    }
}

impl Health {
    /// Adds the health routes to an axum router, as [`Handle::health_routes`] does.
    ///
    /// # Panics
    ///
    /// When the router has one of these routes already, as `Router::route` does; the message names the route.
    #[must_use = "returns the router with the health routes"]
    pub fn add_to<S: Clone + Send + Sync + 'static>(&self, router: Router<S>) -> Router<S> {
        let added = |router, path| self.with_route(router, path).unwrap_or_else(|panic| resume_unwind(panic));
        routes::ALL.into_iter().fold(router, added)
    }

    /// Adds one route. axum reports a route that exists already only by a panic.
    fn with_route<S: Clone + Send + Sync + 'static>(
        &self,
        router: Router<S>,
        path: &str,
    ) -> std::thread::Result<Router<S>> {
        let health = self.clone();
        let probe = move |method: Method, uri: Uri| {
            // Always a probe: the path is the route's, and axum handles HEAD with the GET handler.
            let answer = routes::answer(&health, &method, &uri).unwrap_or_default();
            ready(answer.map(Body::from))
        };
        catch_unwind(AssertUnwindSafe(|| router.route(path, get(probe))))
    }
}
