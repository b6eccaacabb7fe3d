use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ebbtide::layer::InFlightLayer;
use http::{Request, Response};
use http_body_util::Full;
use tower_layer::Layer as _;
use tower_service::Service;

use super::operations::Side;

/// Sends requests to the service itself.
pub(super) fn bare(what: &'static str) -> Side {
    side(what, AtOnce)
}

/// Sends requests to the service behind the layer.
pub(super) fn counted(what: &'static str) -> Side {
    side(what, InFlightLayer::new().layer(AtOnce))
}

/// Each thread has a clone of the service, as a connection has.
fn side<S, B>(what: &'static str, service: S) -> Side
where
    S: Service<Request<()>, Response = Response<B>> + Clone + Sync + 'static,
{
    let run = move |times| {
        let mut service = service.clone();
        for _ in 0..times {
            let future = pin!(service.call(black_box(Request::new(()))));
            if let Poll::Ready(response) = future.poll(&mut Context::from_waker(Waker::noop())) {
                drop(black_box(response));
            }
        }
    };
    Side { what, run: Box::new(run) }
}

/// Answers at once with a short body.
#[derive(Clone, Copy, Debug)]
struct AtOnce;

impl Service<Request<()>> for AtOnce {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"pong")))))
    }
}
