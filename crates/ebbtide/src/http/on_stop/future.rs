use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::OnStop;

pin_project! {
    /// The future of an [`OnStopService`](super::OnStopService).
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct OnStopFuture<F> {
        policy: OnStop,
        #[pin]
        inner: F,
    }
}

impl<F> OnStopFuture<F> {
    pub(super) fn new(policy: OnStop, inner: F) -> Self {
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
