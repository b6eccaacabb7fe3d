use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::HandlerStop;
use crate::drain::Stop;
use crate::lifecycle::Handle;

/// Adds a [`HandlerStop`] to each request, which tells the handler whether the shutdown has begun and how much time is left.
///
/// It costs one allocation for each request: add it only to the routes whose handlers use it.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use ebbtide::drain::StopSource;
/// use ebbtide::layer::{HandlerStop, StopLayer};
///
/// let stop = StopSource::new();
/// let slow = axum::routing::get(async |stop: HandlerStop| format!("stopping: {}", stop.is_stopping()));
/// let router: axum::Router = axum::Router::new().route("/slow", slow).layer(StopLayer::new(stop.token()));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StopLayer {
    stop: HandlerStop,
}

/// Adds a [`HandlerStop`] to each request, if it has one. Created by [`StopLayer`].
#[derive(Clone, Debug)]
pub struct StopService<S> {
    stop: Option<HandlerStop>,
    inner: S,
}

impl StopLayer {
    /// Creates a layer whose [`HandlerStop`] follows one token.
    pub fn new(stop: Stop) -> Self {
        Self::from(HandlerStop::new(stop))
    }
}

impl From<HandlerStop> for StopLayer {
    fn from(stop: HandlerStop) -> Self {
        Self { stop }
    }
}

impl<S> Layer<S> for StopLayer {
    type Service = StopService<S>;

    fn layer(&self, inner: S) -> StopService<S> {
        StopService::new(inner, Some(self.stop.clone()))
    }
}

impl<S> StopService<S> {
    pub(crate) fn new(inner: S, stop: Option<HandlerStop>) -> Self {
        Self { stop, inner }
    }
}

impl<S, B> Service<Request<B>> for StopService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(stop) = &self.stop {
            request.extensions_mut().insert(stop.clone());
        }
        self.inner.call(request)
    }
}

/// Layers.
impl Handle {
    /// Returns a [`HandlerStop`] that follows this lifecycle's shutdown and the deadline of its servers.
    ///
    /// A server with a separate deadline (see [`within`](Self::within)) may have less time.
    pub fn handler_stop(&self) -> HandlerStop {
        let plan = self.plan();
        let kept = plan.deadline.saturating_sub(plan.servers_cancelled());
        HandlerStop::of(self.stop_token(), self.drain_token(), kept)
    }

    /// Returns the layer that adds the [`handler_stop`](Self::handler_stop) to each request.
    pub fn stop_layer(&self) -> StopLayer {
        StopLayer::from(self.handler_stop())
    }
}
