//! Requests and responses that are unfinished at the deadline.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::routing::get;
use ebbtide::drain::Stop;
use ebbtide::http::{Listener, Server};
use http_body::Frame;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use crate::frames::{DATA, END_STREAM, Frames, RST_STREAM};
use crate::support::{
    Client, LONG, PING, PausedClock, SLOW, cause, ping, serve, serve_on, slow, stop_source, until,
};

/// A body that sends one chunk, and another one when the token is stopped.
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
async fn what_is_in_flight_at_the_deadline_is_cancelled_counted_and_named() {
    let clock = PausedClock::new();
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server).await;
    let mut request = Client::connect(served.addr).await.unwrap();
    request.send(SLOW).await.unwrap();
    let mut half = Client::connect(served.addr).await.unwrap();
    half.send(&PING[..10]).await.unwrap();
    let mut idle = Client::connect(served.addr).await.unwrap();
    idle.send(PING).await.unwrap();
    assert!(idle.response().await.unwrap().is_ok());
    until(|| served.work.in_flight() == 2).await;
    served.stop();
    served.cancelled();
    let answer = request.response().await.expect("a response");
    assert!(answer.status == 503, "{answer:?}");
    clock.advance(LONG).await;
    served.ended().await;
    assert_eq!((served.work.in_flight(), served.work.finished(), served.work.cancelled()), (0, 1, 2));
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

/// Over HTTP/1.0 the end of the connection is the end of the body: only a reset shows that the body is truncated.
#[tokio::test]
async fn a_cancelled_body_is_reset_and_never_ended() {
    let never = stop_source();
    let token = never.token();
    let stream = async move || Body::new(Streamed::new(token));
    let mut served = serve(ping().route("/stream", get(stream)), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"GET /stream HTTP/1.0\r\n\r\n").await.unwrap();
    let mut byte = [0];
    client.stream.read_exact(&mut byte).await.unwrap();
    served.stop();
    served.cancelled();
    served.ended().await;
    assert!(client.rest().await.is_reset());
    assert_eq!(served.work.cancelled(), 1);
}

/// The opposite: with `axum::serve`, whose runtime ends, the same client takes half a body for a complete one.
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
    let mut serving = JoinSet::new();
    serving.spawn_on(async move { axum::serve(listener, router).await }, server.handle());
    client.block_on(async {
        let mut client = Client::connect(addr).await.unwrap();
        client.send(b"GET /stream HTTP/1.0\r\n\r\n").await.unwrap();
        let mut byte = [0];
        client.stream.read_exact(&mut byte).await.unwrap();
        server.shutdown_background();
        let end = client.rest().await;
        assert!(end.is_eof() && end.received.ends_with(b"chunk"));
    });
}

/// A response that exceeds its time limit is aborted in the same way.
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
    client.read_until(b"chunk").await.unwrap();
    clock.advance_to_before(limit).await;
    assert!(client.is_quiet(), "before the limit");
    clock.advance_past().await;
    assert!(client.rest().await.is_reset());
    assert_eq!(served.work.finished(), 0);
}

/// The service has returned the whole body, and the client does not read it.
#[tokio::test]
async fn an_unread_response_is_cancelled_and_not_counted_as_finished() {
    let router = ping().route("/big", get(async || vec![b'x'; 24 * 1024 * 1024]));
    let mut served = serve(router, |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(b"GET /big HTTP/1.0\r\n\r\n").await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    let mut byte = [0];
    client.stream.read_exact(&mut byte).await.unwrap();
    served.stop();
    served.cancelled();
    served.ended().await;
    assert_eq!((served.work.finished(), served.work.cancelled(), served.work.in_flight()), (0, 1, 0));
    assert!(client.rest().await.is_reset());
}

/// Three kinds of bodies in transfer when their server is dropped, and the request for each.
fn halves(never: &Stop) -> axum::Router {
    let (stream, sized) = (never.clone(), never.clone());
    // Returned at once, and larger than the socket buffers of these tests: hyper holds the rest.
    let given = async || Body::new(Given(Some(Bytes::from_static(&[b'x'; 256 * 1024]))));
    let sized = async move || ([("content-length", "10")], Body::new(Streamed::new(sized)));
    ping()
        .route("/stream", get(async move || Body::new(Streamed::new(stream))))
        .route("/sized", get(sized))
        .route("/given", get(given))
}

const HALVES: [&[u8]; 4] = [
    b"GET /stream HTTP/1.0\r\n\r\n",
    b"GET /stream HTTP/1.1\r\nHost: test\r\n\r\n",
    b"GET /sized HTTP/1.1\r\nHost: test\r\n\r\n",
    b"GET /given HTTP/1.0\r\n\r\n",
];

/// A body of one frame, without a length.
struct Given(Option<Bytes>);

impl http_body::Body for Given {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A listener whose connections have small send buffers.
fn narrow() -> Listener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(100).unwrap();
    Listener::from_std(socket.into()).unwrap()
}

/// Requests a body and waits for its first part.
async fn begin(addr: SocketAddr, request: &[u8]) -> Client {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = Client::new(socket.connect(addr).await.unwrap());
    client.send(request).await.unwrap();
    // The first part of the body is sent together with the head.
    client.stream.readable().await.unwrap();
    client
}

#[tokio::test]
async fn bodies_are_reset_when_the_servers_future_is_dropped() {
    let never = stop_source();
    for request in HALVES {
        let listener = narrow();
        let addr = listener.local_addr().tcp().unwrap();
        let mut served = serve_on(listener, addr, halves(&never.token()), |server| server);
        let mut client = begin(addr, request).await;
        served.abandon().await;
        assert!(client.rest().await.is_reset(), "{}", request.escape_ascii());
        assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
    }
}

/// The server's future stays alive, so that only the end of the tasks ends the connections.
#[test]
fn bodies_are_reset_when_their_runtime_is_dropped() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let never = stop_source();
    let client = runtime();
    for request in HALVES {
        let server = runtime();
        let (addr, mut serving) = {
            let _context = server.enter();
            let listener = narrow();
            let addr = listener.local_addr().tcp().unwrap();
            let serving = Server::new(halves(&never.token())).serve(listener, never.token(), never.token());
            (addr, Box::pin(serving))
        };
        let mut begun = JoinSet::new();
        begun.spawn_on(begin(addr, request), client.handle());
        let begun = server.block_on(async {
            tokio::select! {
                _ = &mut serving => panic!("the server must not end"),
                begun = begun.join_next() => begun,
            }
        });
        drop(server);
        assert!(client.block_on(begun.unwrap().unwrap().rest()).is_reset(), "{}", request.escape_ascii());
    }
}

/// A known limit: a Unix socket cannot be reset. A body with a length or with chunks is seen to be truncated; any other looks
/// whole.
#[tokio::test]
async fn over_a_unix_socket_a_truncated_body_without_a_length_looks_whole() {
    let never = stop_source();
    let directory = tempfile::tempdir().unwrap();
    for (request, end) in HALVES.into_iter().zip(["chunk", "chunk\r\n", "chunk"]) {
        let path = directory.path().join("test.sock");
        let listener = Listener::bind_unix(&path).await.unwrap();
        let mut served =
            serve_on(listener, ([0, 0, 0, 0], 0).into(), halves(&never.token()), |server| server);
        let mut client = Client::new(tokio::net::UnixStream::connect(&path).await.unwrap());
        client.send(request).await.unwrap();
        client.stream.readable().await.unwrap();
        served.stop();
        served.cancelled();
        served.ended().await;
        let rest = client.rest().await;
        assert!(rest.is_eof() && rest.received.ends_with(end.as_bytes()), "{rest:?}");
        assert_eq!((served.work.finished(), served.work.cancelled()), (0, 1));
    }
}

/// A body that sends one chunk, and panics when the token is stopped.
struct Panics(Streamed);

impl http_body::Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        assert!(frame.is_pending() || self.0.sent == 1, "the body panics");
        frame
    }
}

fn panics(when: Stop) -> axum::Router {
    ping().route("/stream", get(async move || Body::new(Panics(Streamed::new(when)))))
}

#[tokio::test]
async fn a_body_that_panics_is_reset() {
    let now = stop_source();
    let served = serve(panics(now.token()), |server| server).await;
    let mut clients = Vec::new();
    for request in &HALVES[..2] {
        clients.push(begin(served.addr, request).await);
    }
    let mut frames = Frames::connect(served.addr, 65_535).await;
    frames.get(1, "/stream").await;
    assert_eq!(frames.next_of(&[DATA]).await.expect("the first chunk").flags & END_STREAM, 0);
    now.stop(cause(), None);
    for client in &mut clients {
        assert!(client.rest().await.is_reset());
    }
    assert_eq!(frames.next_of(&[RST_STREAM, DATA]).await.expect("a frame").kind, RST_STREAM);
    assert_eq!(served.work.finished(), 0);
}

/// The opposite: with `axum::serve` a body looks whole although its second half panicked.
#[tokio::test]
async fn a_body_that_panics_looks_whole_behind_axum() {
    let now = stop_source();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = panics(now.token());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    let mut client = begin(addr, HALVES[0]).await;
    now.stop(cause(), None);
    let end = client.rest().await;
    assert!(end.is_eof() && end.received.ends_with(b"chunk"));
}

#[tokio::test]
async fn nothing_is_left_behind_when_the_servers_future_is_dropped() {
    let never = stop_source();
    let mut served = serve(slow(never.token()), |server| server).await;
    let mut client = Client::connect(served.addr).await.unwrap();
    client.send(SLOW).await.unwrap();
    until(|| served.work.in_flight() == 1).await;
    served.abandon().await;
    assert!(client.rest().await.received.is_empty());
    assert_eq!(served.work.cancelled(), 1);
    assert!(Client::connect(served.addr).await.is_err());
}
