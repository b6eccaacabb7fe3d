use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tower_service::Service;

use super::{Listener, ServeError, Server};
use crate::drain::Stop;
use crate::health::Health;
use crate::lifecycle::Handle;

/// Pages that the health listener serves beside the probes, until the very end of the shutdown. None by default.
///
/// # Examples
///
/// ```
/// use ebbtide::http::HealthPages;
///
/// # async fn start(app: ebbtide::Handle) -> Result<(), ebbtide::BoxError> {
/// let pages = HealthPages::new().lifecycle(&app);
/// app.health_with("health", app.bind("127.0.0.1:9090").await?, pages);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct HealthPages {
    lifecycle: Option<Handle>,
    metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl HealthPages {
    /// Creates an empty set of pages: only the probes are answered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves `GET /lifecycle`: [`Handle::snapshot`] as JSON, with the phase, the components, what each of them has in
    /// flight and for how long, and the time left.
    ///
    /// It names what is in flight, such as the paths of requests and the addresses of clients: use it only on a
    /// listener that is reachable only by those who may see them.
    #[must_use]
    pub fn lifecycle(mut self, app: &Handle) -> Self {
        self.lifecycle = Some(app.clone());
        self
    }

    /// Serves `GET /metrics`: the output of `render` in the Prometheus text format, such as that of
    /// `PrometheusHandle::render` of `metrics-exporter-prometheus`.
    ///
    /// `render` is called for each request, on the runtime.
    #[must_use]
    pub fn metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(render));
        self
    }

    fn page(&self, path: &str) -> Option<(&'static str, String)> {
        match path {
            "/lifecycle" => {
                let snapshot = self.lifecycle.as_ref()?.snapshot();
                Some(("application/json", serde_json::to_string_pretty(&snapshot).ok()?))
            }
            "/metrics" => Some(("text/plain; version=0.0.4; charset=utf-8", self.metrics.as_ref()?())),
            _ => None,
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let is_asked = method == Method::GET || method == Method::HEAD;
        let page = is_asked.then(|| self.page(path)).flatten();
        let (kind, text) = page.unwrap_or_default();
        let mut response = Response::new(Full::new(Bytes::from(text)));
        if kind.is_empty() {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl Service<Request<Incoming>> for HealthPages {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        ready(Ok(self.answer(request.method(), request.uri().path())))
    }
}

impl fmt::Debug for HealthPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthPages")
            .field("lifecycle", &self.lifecycle.is_some())
            .field("metrics", &self.metrics.is_some())
            .finish()
    }
}

/// Probes use separate connections and are repeated: waiting for them gains nothing.
const PATIENCE: Duration = Duration::from_millis(100);

/// Serves the health routes on a separate listener, until `stop` is stopping; every other path is not found.
///
/// Stop it last, so that the probes are answered until the very end.
///
/// # Errors
///
/// Fails when the listener cannot be used at all.
///
/// # Cancel safety
///
/// Dropped, it closes the listener and its connections.
pub fn serve_health(
    listener: Listener,
    health: Health,
    stop: Stop,
) -> impl Future<Output = Result<(), ServeError>> + Send {
    serve_pages(listener, health, HealthPages::new(), stop)
}

/// Serves the health routes and the given pages.
pub(super) fn serve_pages(
    listener: Listener,
    health: Health,
    pages: HealthPages,
    stop: Stop,
) -> impl Future<Output = Result<(), ServeError>> + Send {
    Server::new(health.wrap(pages)).first_byte_grace(PATIENCE).idle_quiet(PATIENCE).linger(PATIENCE).serve(
        listener,
        stop.clone(),
        stop,
    )
}
