//! What happens to a response in progress when the server shuts down.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// What happens to a response that is in progress when the server drains, after the lame duck.
///
/// A handler sets it as an extension of its response. It is also a [`Layer`], which sets it for whole routes. The
/// handler's value takes precedence over that of a layer, and an inner layer's over an outer one's.
///
/// The default is that a response may finish, except for the event streams of browsers: a response to `GET` with the
/// content type `text/event-stream` has [`End`](Self::End), because `EventSource` sends no other method and reconnects.
/// At the server's deadline every response still in progress is cancelled: a finite body is reset, and a gRPC stream
/// ends with the status `UNAVAILABLE`.
///
/// A response that its policy ends before its source has ended counts as ended early, never as finished. It does not
/// change the exit code.
///
/// # Examples
///
/// ```
/// use axum::routing::get;
/// use ebbtide::http::OnStop;
///
/// // The client waits for the last event of this stream: let it finish.
/// let progress = async || ([("content-type", "text/event-stream")], "event: done\n\n");
/// let router: axum::Router = axum::Router::new().route("/progress", get(progress).layer(OnStop::Finish));
/// # drop(router);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStop {
    /// The response continues to its natural end, at most until the deadline.
    #[default]
    Finish,
    /// The response ends cleanly at its next boundary. Use it for streams whose clients reconnect: HTTP alone does not
    /// show them that more was to come.
    ///
    /// The boundary of server-sent events is the end of an event. For any other body it is the end of what the service
    /// returned as one frame. For a gRPC stream it is the same, and the stream ends with the status `UNAVAILABLE`. A
    /// body with an announced length has no boundary: it finishes.
    End,
    /// The response is aborted when the draining begins, so that the client sees that it is incomplete.
    ///
    /// Use it for endless streams whose consumers resume where they stopped.
    Break,
}

impl<S> Layer<S> for OnStop {
    type Service = OnStopService<S>;

    fn layer(&self, inner: S) -> OnStopService<S> {
        OnStopService::new(*self, inner)
    }
}

/// Adds an [`OnStop`] to the responses of the inner service, unless they have one. Created by [`OnStop`] as a layer.
#[derive(Clone, Copy, Debug)]
pub struct OnStopService<S> {
    policy: OnStop,
    inner: S,
}

impl<S> OnStopService<S> {
    fn new(policy: OnStop, inner: S) -> Self {
        Self { policy, inner }
    }
}

impl<S, Q, B> Service<Request<Q>> for OnStopService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = OnStopFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        OnStopFuture::new(self.policy, self.inner.call(request))
    }
}

pin_project! {
    /// The future of an [`OnStopService`](OnStopService).
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct OnStopFuture<F> {
        policy: OnStop,
        #[pin]
        inner: F,
    }
}

impl<F> OnStopFuture<F> {
    fn new(policy: OnStop, inner: F) -> Self {
        Self { policy, inner }
    }
}

impl<F, B, E> Future for OnStopFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        response.extensions_mut().get_or_insert(*this.policy);
        Poll::Ready(Ok(response))
    }
}
