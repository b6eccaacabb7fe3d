use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::BoxError;
use super::conn::{Io, Protocol, Watch, first_bytes, open};
use super::ledger::Order;
use super::request::Requests;
use super::spawn::{Streams, spawn};
use crate::runtime::clock;

/// Starts to serve one connection, to its end.
pub(super) fn drive<S, B>(io: Io, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    spawn(serve_one(io, service));
}

async fn serve_one<S, B>(mut io: Io, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let conn = io.held().conn().clone();
    let mut watch = Watch::new(conn.clone());
    if !io.is_open() && !open(&mut io, &mut watch).await {
        return;
    }
    let Some(protocol) = first_bytes(&mut io, &mut watch).await else { return };
    let requests = Requests::new(service, conn);
    let io = TokioIo::new(io);
    match protocol {
        Protocol::Http1 => {
            let served = http1::Builder::new().serve_connection(io, requests).with_upgrades();
            run(served, |served| served.graceful_shutdown(), Order::Abrupt, watch).await;
        }
        Protocol::Http2 => {
            watch.conn().book().multiplex(clock::now());
            let served =
                http2::Builder::new(Streams).enable_connect_protocol().serve_connection(io, requests);
            Box::pin(run(served, |served| served.graceful_shutdown(), Order::Drain, watch)).await;
        }
    }
}

/// Polls hyper's connection until it is done or its time has come. From the order `ask_at` on, hyper is asked to end it.
async fn run<C>(served: C, ask: impl Fn(Pin<&mut C>), ask_at: Order, mut watch: Watch)
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut served = pin!(served);
    let mut asked = false;
    poll_fn(|cx| {
        let order = watch.order(cx);
        if order == Order::Cut {
            return Poll::Ready(());
        }
        if order >= ask_at && !asked {
            asked = true;
            ask(served.as_mut());
            watch.conn().book().asked(clock::now());
        }
        match served.as_mut().poll(cx) {
            Poll::Pending => watch.poll_over(cx),
            Poll::Ready(result) => {
                if let Err(error) = result {
                    tracing::debug!(peer = %watch.conn().peer(), %error, "connection ended with an error");
                }
                Poll::Ready(())
            }
        }
    })
    .await;
}
