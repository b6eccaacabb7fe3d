use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::Counted;
use super::shared::{InFlight, Shared};

/// Counts the requests of the service behind it. Made by [`InFlightLayer`](super::InFlightLayer).
#[derive(Clone, Debug)]
pub struct InFlightService<S> {
    inner: S,
    shared: Arc<Shared>,
}

pin_project! {
    /// The future of an [`InFlightService`]. The request is in flight until it is dropped or has given its response.
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct InFlightFuture<F> {
        #[pin]
        inner: F,
        held: Option<InFlight>,
        head: bool,
    }
}

impl<S> InFlightService<S> {
    pub(super) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, Q, B> Service<Request<Q>> for InFlightService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<Counted<B>>;
    type Error = S::Error;
    type Future = InFlightFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let held = Some(self.shared.begin(&mut request));
        let head = request.method() == Method::HEAD;
        InFlightFuture { inner: self.inner.call(request), held, head }
    }
}

impl<F, B, E> Future for InFlightFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<Counted<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(this.inner.poll(cx));
        let held = this.held.take();
        Poll::Ready(match answered {
            Ok(response) => {
                let empty = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
                let bodiless = *this.head || empty;
                Ok(response.map(|body| Counted::new(body, held, bodiless)))
            }
            Err(error) => {
                held.into_iter().for_each(InFlight::fail);
                Err(error)
            }
        })
    }
}
