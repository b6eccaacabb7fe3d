use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{OnStop, OnStopFuture};

/// Gives the responses of the service in it an [`OnStop`], unless they have one. Made by [`OnStop`] as a layer.
#[derive(Clone, Copy, Debug)]
pub struct OnStopService<S> {
    policy: OnStop,
    inner: S,
}

impl<S> OnStopService<S> {
    pub(super) fn new(policy: OnStop, inner: S) -> Self {
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
