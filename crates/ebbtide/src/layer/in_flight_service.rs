use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::in_flight_request::{Counted, InFlightRequest, InFlightState, run_and_log_panic};

/// Counts the requests of the inner service. Created by [`InFlightLayer`](super::InFlightLayer).
#[derive(Clone, Debug)]
pub struct InFlightService<S> {
    inner: S,
    shared: Arc<InFlightState>,
}

pin_project! {
    /// The future of an [`InFlightService`]. It holds the request in flight until it is dropped or returns the response.
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct InFlightFuture<F> {
        #[pin]
        inner: F,
        held: Option<InFlightRequest>,
        head: bool,
    }
}

impl<S> InFlightService<S> {
    pub(super) fn new(inner: S, shared: Arc<InFlightState>) -> Self {
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
        let inner = run_and_log_panic(held.as_ref(), || self.inner.call(request));
        InFlightFuture { inner, held, head }
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
        let answered = ready!(run_and_log_panic(this.held.as_ref(), || this.inner.poll(cx)));
        let held = this.held.take();
        Poll::Ready(match answered {
            Ok(response) => {
                let empty = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
                let bodiless = *this.head || empty;
                Ok(response.map(|body| Counted::new(body, held, bodiless)))
            }
            Err(error) => {
                held.into_iter().for_each(InFlightRequest::fail);
                Err(error)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::io::{self, Write};
    use std::net::SocketAddr;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Mutex, PoisonError};

    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Empty, StreamBody};
    use tower_layer::Layer as _;

    use super::*;
    use crate::layer::InFlightLayer;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>;

    /// The place at which the handler panics.
    #[derive(Clone, Copy, Debug)]
    enum PanicPlace {
        Call,
        Future,
        Body,
    }

    #[derive(Clone)]
    struct Panics(PanicPlace);

    impl Service<Request<()>> for Panics {
        type Response = Response<Body>;
        type Error = io::Error;
        type Future = Pin<Box<dyn Future<Output = io::Result<Response<Body>>>>>;

        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _request: Request<()>) -> Self::Future {
            match self.0 {
                PanicPlace::Call => panic!("no order"),
                PanicPlace::Future => Box::pin(async { panic!("no order") }),
                PanicPlace::Body => {
                    let frames = futures_util::stream::once(async { panic!("no order") });
                    let body = StreamBody::new(frames).boxed_unsync();
                    Box::pin(ready(Ok(Response::new(body))))
                }
            }
        }
    }

    /// Runs a request through a service to its end, and returns the logged lines and the number of failed requests.
    fn logged(place: PanicPlace) -> (String, u64) {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false);
        let layer = InFlightLayer::new();
        let mut service = layer.layer(Panics(place));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = AssertUnwindSafe(|| {
            runtime.block_on(async {
                let mut request = Request::post("/orders/7?token=secret").body(()).unwrap();
                let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
                #[cfg(feature = "axum-ws")]
                request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
                let _known = (&mut request, peer);
                let response = service.call(request).await.unwrap();
                response.into_body().collect().await.map(drop)
            })
        });
        let ended = tracing::subscriber::with_default(subscriber.finish(), || catch_unwind(run));
        assert!(ended.is_err(), "the panic was not resumed: {place:?}");
        let lines = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (String::from_utf8(lines).unwrap(), layer.work().counts().failed)
    }

    #[test]
    fn a_panic_behind_the_layer_is_logged_with_its_request_once() {
        for place in [PanicPlace::Call, PanicPlace::Future, PanicPlace::Body] {
            let (lines, failed) = logged(place);
            assert_eq!(failed, 1, "{place:?}");
            assert_eq!(lines.matches("request handler panicked").count(), 1, "{place:?}: {lines}");
            for part in ["ERROR", "method=POST", "path=\"/orders/7\"", "panic=\"no order\""] {
                assert!(lines.contains(part), "{place:?}: {part} is missing: {lines}");
            }
            assert!(!lines.contains("secret"), "{place:?}: {lines}");
            assert_eq!(
                lines.contains("peer=192.0.2.1:4711"),
                cfg!(feature = "axum-ws"),
                "{place:?}: {lines}"
            );
        }
    }

    /// The opposite: a service that does not panic logs nothing.
    #[test]
    fn a_request_that_ends_without_a_panic_is_not_logged() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), || {
            let layer = InFlightLayer::new();
            let held = layer.shared().begin(&mut Request::new(Empty::<Bytes>::new()));
            assert_eq!(run_and_log_panic(Some(&held), || 7), 7);
            held.finish();
        });
        assert!(lines.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    }
}
