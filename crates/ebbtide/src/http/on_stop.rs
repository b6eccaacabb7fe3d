//! What becomes of a response that is under way when the server stops.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Says what becomes of a response that is under way when the server drains, after the lame duck.
///
/// It is an extension of the response, which a handler sets, and a [`Layer`], which sets it for whole routes. What the
/// handler sets counts more than what a layer around it does, and the inner layer more than the outer.
///
/// Without it a response is finished, except for the event streams of browsers: a response to `GET` of the content type
/// `text/event-stream` has [`End`](Self::End), because `EventSource` sends no other method and connects again. At the server's
/// deadline whatever is still under way is cancelled: a finite body is reset, and a gRPC stream ends with the status
/// `UNAVAILABLE`.
///
/// A response that its policy ends before its source has ended counts as ended early, never as finished. It does not change
/// the exit code.
///
/// # Examples
///
/// ```
/// use axum::routing::get;
/// use ebbtide::http::OnStop;
///
/// // The last event of this stream is what its client waits for: let it come.
/// let progress = async || ([("content-type", "text/event-stream")], "event: done\n\n");
/// let router: axum::Router = axum::Router::new().route("/progress", get(progress).layer(OnStop::Finish));
/// # drop(router);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStop {
    /// It goes on to its natural end, at most until the deadline.
    #[default]
    Finish,
    /// It ends cleanly at its next boundary. For streams whose clients connect again: over HTTP alone they cannot tell that
    /// more was to come.
    ///
    /// The boundary of server-sent events is the end of an event; of any other body the end of what the service gave as
    /// one frame; of a gRPC stream the same, and it ends with the status `UNAVAILABLE`. A body whose length was promised
    /// has no boundary: it is finished.
    End,
    /// It is broken off when the draining begins, so that the client sees that it is not whole.
    ///
    /// For endless streams whose consumers resume where they were.
    Break,
}

impl<S> Layer<S> for OnStop {
    type Service = OnStopService<S>;

    fn layer(&self, inner: S) -> OnStopService<S> {
        OnStopService::new(*self, inner)
    }
}

/// Gives the responses of the service in it an [`OnStop`], unless they have one. Made by [`OnStop`] as a layer.
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
