use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use tower_service::Service;

use super::{Listener, ServeError, Server};
use crate::drain::Stop;
use crate::health::Health;

/// Probes come on connections of their own and are repeated: nothing is gained by waiting for them.
const PATIENCE: Duration = Duration::from_millis(100);

/// Serves the health routes on a listener of their own, until `stop` is stopping; everything else is not found.
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
    Server::new(health.wrap(NotFound)).first_byte_grace(PATIENCE).idle_quiet(PATIENCE).linger(PATIENCE).serve(
        listener,
        stop.clone(),
        stop,
    )
}

#[derive(Clone, Copy, Debug)]
struct NotFound;

impl Service<Request<Incoming>> for NotFound {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        ready(Ok(response))
    }
}
