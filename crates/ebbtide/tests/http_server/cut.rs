//! What is left when the time is up.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::routing::get;
use ebbtide::drain::Stop;
use http_body::Frame;
use tokio::io::AsyncReadExt;

use crate::support::{Client, LONG, PING, PausedClock, SLOW, ping, serve, slow, stop_source, until};

/// A body that sends one chunk, and another one when the token stops.
pub(crate) struct Streamed {
    sent: u8,
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Streamed {
    pub(crate) fn new(until: Stop) -> Self {
        Self { sent: 0, until: Box::pin(async move { until.stopping().await }) }
    }
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.sent == 1 && self.until.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.sent += 1;
        Poll::Ready((self.sent <= 2).then(|| Ok(Frame::data(Bytes::from_static(b"chunk")))))
    }
}

#[tokio::test]
async fn what_is_in_flight_at_the_end_is_cut_counted_and_named() {
    let clock = PausedClock::new();
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server).await;
    let mut request = Client::connect(served.addr).await.unwrap();
    request.send(SLOW).await.unwrap();
    let mut half = Client::connect(served.addr).await.unwrap();
    half.send(&PING[..10]).await.unwrap();
    let mut idle = Client::connect(served.addr).await.unwrap();
    idle.send(PING).await.unwrap();
    assert!(idle.answer().await.unwrap().is_ok());
    until(|| served.work.in_flight() == 2).await;
    served.stop();
    served.cut();
    let answer = request.answer().await.expect("an answer");
    assert!(answer.head.starts_with("http/1.1 503"), "{}", answer.head);
    clock.advance(LONG).await;
    served.ended().await;
    assert_eq!((served.work.in_flight(), served.work.finished(), served.work.cut()), (0, 1, 2));
    let mut names: Vec<_> = served.work.stragglers().into_iter().map(|straggler| straggler.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            format!("GET /slow from {}", request.stream.local_addr().unwrap()),
            format!("half a request head from {}", half.stream.local_addr().unwrap()),
        ]
    );
}

/// Over HTTP/1.0 the end of the connection is the end of the body: only a reset tells that it is not whole.
#[tokio::test]
async fn a_body_that_is_cut_is_reset_and_never_ended() {
    let never = stop_source();
    let token = never.token();
    let stream = async move || Body::new(Streamed::new(token));
    let mut served = serve(ping().route("/stream", get(stream)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"GET /stream HTTP/1.0\r\n\r\n").await.unwrap();
    let mut byte = [0];
    client.stream.read_exact(&mut byte).await.unwrap();
    served.stop();
    served.cut();
    served.ended().await;
    let (_, error) = client.rest().await;
    assert_eq!(error.map(|error| error.kind()), Some(std::io::ErrorKind::ConnectionReset));
    assert_eq!(served.work.cut(), 1);
}

/// The opposite: with `axum::serve` and its runtime's end, the same client takes half a body for a whole one.
#[test]
fn a_body_that_axum_drops_looks_whole() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (server, client) = (runtime(), runtime());
    let never = stop_source();
    let token = never.token();
    let stream = async move || Body::new(Streamed::new(token));
    let router = axum::Router::new().route("/stream", get(stream));
    let listener = server.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn_on(async move { axum::serve(listener, router).await }, server.handle());
    client.block_on(async {
        let mut client = Client::connect(addr).await.unwrap();
        client.send(b"GET /stream HTTP/1.0\r\n\r\n").await.unwrap();
        let mut byte = [0];
        client.stream.read_exact(&mut byte).await.unwrap();
        server.shutdown_background();
        let (bytes, error) = client.rest().await;
        assert!(error.is_none() && bytes.ends_with(b"chunk"));
    });
}

/// A body that fails is broken off in the same way.
#[tokio::test]
async fn a_response_that_takes_too_long_is_reset() {
    let never = stop_source();
    let token = never.token();
    let stream = async move || Body::new(Streamed::new(token));
    let clock = PausedClock::new();
    let limit = std::time::Duration::from_secs(10);
    let served = serve(ping().route("/stream", get(stream)), |server| server.request_timeout(limit)).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"GET /stream HTTP/1.0\r\n\r\n").await.unwrap();
    client.up_to(b"chunk").await;
    clock.advance_to_before(limit).await;
    assert!(!client.is_closed(), "before the limit");
    clock.advance_past().await;
    let (_, error) = client.rest().await;
    assert_eq!(error.map(|error| error.kind()), Some(std::io::ErrorKind::ConnectionReset));
    assert_eq!(served.work.finished(), 0);
}

/// The service has handed everything over, and the client does not read it.
#[tokio::test]
async fn a_response_that_nobody_reads_is_cut_and_not_counted_as_finished() {
    let router = ping().route("/big", get(async || vec![b'x'; 24 * 1024 * 1024]));
    let mut served = serve(router, |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"GET /big HTTP/1.0\r\n\r\n").await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    let mut byte = [0];
    client.stream.read_exact(&mut byte).await.unwrap();
    served.stop();
    served.cut();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cut(), served.work.in_flight()), (0, 1, 0));
    let (_, error) = client.rest().await;
    assert_eq!(error.map(|error| error.kind()), Some(std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn nothing_is_left_behind_when_the_servers_future_is_dropped() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.abandon().await;
    assert!(client.rest().await.0.is_empty());
    assert_eq!(served.work.cut(), 1);
    assert!(Client::connect(served.addr).await.is_err());
}
