use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::Health;

/// Answers health probes, and passes every other request to the inner service.
#[derive(Clone, Debug)]
pub struct HealthService<S> {
    health: Health,
    inner: S,
}

/// A layer that creates [`HealthService`]s.
#[derive(Clone, Debug)]
pub struct HealthLayer {
    health: Health,
}

pin_project! {
    /// The future of a [`HealthService`].
    #[must_use = "a future does nothing until it is polled"]
    pub struct HealthFuture<F> {
        #[pin]
        state: FutureState<F>,
    }
}

pin_project! {
    #[project = FutureStateProj]
    enum FutureState<F> {
        Probe { answer: Option<Response<Bytes>> },
        Inner { #[pin] future: F },
    }
}

impl<S> HealthService<S> {
    pub(super) fn new(health: Health, inner: S) -> Self {
        Self { health, inner }
    }
}

impl HealthLayer {
    pub(super) fn new(health: Health) -> Self {
        Self { health }
    }
}

impl<S> Layer<S> for HealthLayer {
    type Service = HealthService<S>;

    fn layer(&self, inner: S) -> HealthService<S> {
        HealthService::new(self.health.clone(), inner)
    }
}

impl<S, Q, B> Service<Request<Q>> for HealthService<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<Either<Full<Bytes>, B>>;
    type Error = S::Error;
    type Future = HealthFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let answer = self.health.answer(&request);
        if answer.is_some() {
            return HealthFuture { state: FutureState::Probe { answer } };
        }
        HealthFuture { state: FutureState::Inner { future: self.inner.call(request) } }
    }
}

impl<F, B, E> Future for HealthFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<Either<Full<Bytes>, B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            FutureStateProj::Probe { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.map(|body| Either::Left(Full::new(body))))),
                None => Poll::Pending, // polled again after it was ready
            },
            FutureStateProj::Inner { future } => Poll::Ready(Ok(ready!(future.poll(cx))?.map(Either::Right))),
        }
    }
}
